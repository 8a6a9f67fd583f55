"""Encoders in local Hugging Face folders, trained elsewhere or here: texts become vectors."""

from fitwell.pretrained.encoder import Encoder as Encoder
from fitwell.pretrained.encoder import WordVectors as WordVectors
from fitwell.pretrained.encoder import open_encoder as open_encoder
from fitwell.pretrained.pretraining.pretraining import Pretrained as Pretrained
from fitwell.pretrained.pretraining.pretraining import PretrainingLook as PretrainingLook
from fitwell.pretrained.pretraining.pretraining import pretrain as pretrain
from fitwell.pretrained.pretraining.settings import Learning as Learning
from fitwell.pretrained.pretraining.settings import Shape as Shape
