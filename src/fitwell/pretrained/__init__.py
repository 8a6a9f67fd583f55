"""Encoders in local Hugging Face folders, trained elsewhere or here: texts become vectors.

Each name is imported when it is first used, so that a network that reads no texts does not wait for what trains these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitwell.lazy import exports

if TYPE_CHECKING:
    from fitwell.pretrained.encoder import Encoder, WordVectors, open_encoder
    from fitwell.pretrained.pretraining.pretraining import Pretrained, PretrainingLook, pretrain
    from fitwell.pretrained.pretraining.settings import Learning, Shape

__all__ = [
    "Encoder",
    "Learning",
    "Pretrained",
    "PretrainingLook",
    "Shape",
    "WordVectors",
    "open_encoder",
    "pretrain",
]

_HOMES = {
    "Encoder": "fitwell.pretrained.encoder",
    "Learning": "fitwell.pretrained.pretraining.settings",
    "Pretrained": "fitwell.pretrained.pretraining.pretraining",
    "PretrainingLook": "fitwell.pretrained.pretraining.pretraining",
    "Shape": "fitwell.pretrained.pretraining.settings",
    "WordVectors": "fitwell.pretrained.encoder",
    "open_encoder": "fitwell.pretrained.encoder",
    "pretrain": "fitwell.pretrained.pretraining.pretraining",
}

if not TYPE_CHECKING:  # a type checker that saw it would take any misspelled name for an export
    __getattr__, __dir__ = exports(__name__, _HOMES, offered=__all__)
