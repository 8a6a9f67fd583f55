"""A folder with a network that reads pictures: read with suspicion, its weights taken from safetensors alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from fitwell.errors import DataError
from fitwell.pretrained.backbones import convnext, resnet, vit
from fitwell.pretrained.backbones.network import CHANNELS, Backbone
from fitwell.pretrained.configuration import ACTIVATIONS, AGAIN, MOST
from fitwell.pretrained.folder import CONFIGURATION, existing_folder, read_json, require_weights, weights_of

PICTURES = "preprocessor_config.json"
MOST_LAYERS, LARGEST_SIDE = 1_000, 2_048
Numbers = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Family:
    """What there is to say about a family of backbones."""

    usual: Mapping[str, Any]  # its settings as `config.json` names them, where it leaves them out
    built: Callable[[Mapping[str, Any]], Backbone]
    prefixes: Callable[[Mapping[str, Any]], dict[str, str]]  # of the names of tensors: ours -> theirs
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of settings that are words
    sized: str = ""  # the setting that says the only size of pictures that it reads


FAMILIES: dict[str, Family] = {
    "resnet": Family(usual=resnet.USUAL, built=resnet.built, prefixes=resnet.prefixes, choices=resnet.CHOICES),
    "convnext": Family(usual=convnext.USUAL, built=convnext.built, prefixes=convnext.prefixes),
    "vit": Family(usual=vit.USUAL, built=vit.built, prefixes=vit.prefixes, sized="image_size"),
}


@dataclass(frozen=True, kw_only=True)
class PictureModel:
    """What a folder says about its network and the pictures that this was trained on."""

    family: str
    settings: Mapping[str, Any]
    side: int  # of the pictures, in pixels
    means: Numbers  # of red, green and blue, as shares of the brightest
    spreads: Numbers

    @property
    def is_sized(self) -> bool:
        """Whether it reads pictures of this size only."""
        return bool(FAMILIES[self.family].sized)

    def as_text(self) -> str:
        """Return JSON that `picture_model_from_text` reads back."""
        return json.dumps(asdict(self))


def picture_model_from_text(text: str) -> PictureModel:
    """Return what was saved.

    Raises:
        ValueError, TypeError: it is not what `as_text` wrote.
    """
    values = json.loads(text)
    return PictureModel(**{**values, "means": tuple(values["means"]), "spreads": tuple(values["spreads"])})


def open_picture_model(path: str | Path) -> PictureModel:
    """Return what a folder says about its network.

    Raises:
        RequestError: there is no such folder. DataError: a file is missing or damaged, its weights are pickled, or it
        is a network of an unknown family.
    """
    folder = existing_folder(path)
    values = read_json(folder / CONFIGURATION, dict)
    require_weights(folder)
    name = values.get("model_type")
    family = FAMILIES.get(name) if isinstance(name, str) else None
    if family is None:
        raise DataError(
            f"{folder / CONFIGURATION} must describe a network of a family that reads pictures "
            f"({', '.join(FAMILIES)}), but its model_type is {json.dumps(name)}; take another model"
        )
    assert isinstance(name, str)
    settings = _settings(values, family, source=str(folder / CONFIGURATION))
    side, (means, spreads) = _pictures(folder / PICTURES)
    if family.sized and side != settings[family.sized]:
        raise DataError(
            f"{folder / PICTURES} must say pictures of {settings[family.sized]} pixels, as {CONFIGURATION} does, but "
            f"says {side}; {AGAIN}"
        )
    return PictureModel(family=name, settings=settings, side=side, means=means, spreads=spreads)


def backbone_for(model: PictureModel) -> Backbone:
    """Return the network that a folder describes, its weights on no device."""
    with torch.device("meta"):
        return FAMILIES[model.family].built(model.settings)


def backbone_of(folder: str | Path, model: PictureModel) -> Backbone:
    """Return the network with the folder's weights, as float32.

    Raises:
        DataError: a tensor is missing or has another shape than the configuration says, or a file is damaged.
    """
    network = backbone_for(model)
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    names = {name: (name_in_files(name, model),) for name in shapes}
    network.load_state_dict(weights_of(Path(folder), shapes, names), assign=True)
    return network.requires_grad_(False)


def name_in_files(name: str, model: PictureModel) -> str:
    """Return what a tensor of ours is called in the files of a family, without the prefix of a model with a head."""
    prefixes = FAMILIES[model.family].prefixes(model.settings)
    prefix = max((prefix for prefix in prefixes if name.startswith(prefix)), key=len)
    return prefixes[prefix] + name.removeprefix(prefix)


def _settings(values: Mapping[str, Any], family: Family, *, source: str) -> dict[str, Any]:
    """Return the settings of a family, each as its kind of usual value asks for."""

    def require(holds: bool, name: str, what: str) -> None:
        if not holds:
            raise DataError(f"{source} must say {what} for {name}, but says {json.dumps(values[name])}; {AGAIN}")

    require(values.get("num_channels", CHANNELS) == CHANNELS, "num_channels", str(CHANNELS))
    found = {name: values.get(name, usual) for name, usual in family.usual.items()}
    for name, value in found.items():
        usual = family.usual[name]
        if isinstance(usual, bool):
            require(isinstance(value, bool), name, "true or false")
        elif isinstance(usual, int):
            most = MOST_LAYERS if name == "num_hidden_layers" else MOST
            require(_is_count(value, most), name, f"a whole number from 1 to {most:,}")
        elif isinstance(usual, float):
            require(isinstance(value, int | float) and 0 <= value < 1, name, "a number from 0 to below 1")
        elif isinstance(usual, list):
            most = MOST_LAYERS if name == "depths" else MOST
            what = f"whole numbers from 1 up, {most:,} together at most,"
            counts = isinstance(value, list) and bool(value) and all(_is_count(each, most) for each in value)
            require(counts and sum(value) <= most, name, what)
        else:
            words = family.choices.get(name, tuple(ACTIVATIONS))
            require(isinstance(value, str) and value in words, name, f"one of {', '.join(words)}")
    _require_agreement(found, source=source)
    return found | {"hidden_act": ACTIVATIONS[found["hidden_act"]]}


def _require_agreement(found: Mapping[str, Any], *, source: str) -> None:
    for one, other, agree in (
        ("depths", "hidden_sizes", lambda depths, sizes: len(depths) == len(sizes)),
        ("num_attention_heads", "hidden_size", lambda heads, width: width % heads == 0),
        ("patch_size", "image_size", lambda patch, side: patch <= side),
    ):
        if one in found and other in found and not agree(found[one], found[other]):
            raise DataError(
                f"{source} must say {one} and {other} that go together, but says {found[one]} and {found[other]}; "
                f"{AGAIN}"
            )


def _pictures(file: Path) -> tuple[int, tuple[Numbers, Numbers]]:
    """Return the side of the pictures that a network was trained on, and the means and spreads of their colors."""
    values = read_json(file, dict)
    size = values.get("size")
    sides = set(size.values()) if isinstance(size, dict) else {size}
    if len(sides) != 1 or not _is_count(side := sides.pop(), LARGEST_SIDE):
        raise DataError(
            f"{file} must say one size of pictures, from 1 to {LARGEST_SIDE:,} pixels, but says {json.dumps(size)}; "
            "take another model"
        )
    if values.get("do_normalize", True) is False:
        return side, ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    colors = []
    for name, least in (("image_mean", -10.0), ("image_std", 1e-6)):
        found = values.get(name)
        if not isinstance(found, list) or len(found) != CHANNELS or not all(_is_between(each, least) for each in found):
            raise DataError(f"{file} must say a number for each color as {name}, but says {json.dumps(found)}; {AGAIN}")
        colors.append((float(found[0]), float(found[1]), float(found[2])))
    means, spreads = colors
    return side, (means, spreads)


def _is_between(value: object, least: float) -> bool:
    return isinstance(value, int | float) and least <= value <= 10


def _is_count(value: object, most: int) -> bool:
    return type(value) is int and 0 < value <= most
