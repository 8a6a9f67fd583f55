"""Encoders that were trained elsewhere, from local Hugging Face folders: texts become vectors."""

from fitwell.pretrained.encoder import Encoder as Encoder
from fitwell.pretrained.encoder import WordVectors as WordVectors
from fitwell.pretrained.encoder import open_encoder as open_encoder
