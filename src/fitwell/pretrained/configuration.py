"""What a pretrained encoder is made of, and how each family of them writes that down.

Families differ in names more than in what they compute. So there is one network (`transformer.py`) and a table that
says, for each family, how its configuration and its tensors are called. A family is a line in `FAMILIES`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from fitwell.errors import DataError

Pooling = Literal["first", "mean", "max", "root_mean"]


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The sizes of an encoder, and how the vectors of a text's pieces become one."""

    family: str
    layers: int
    width: int
    heads: int
    inner: int  # width between the two maps of a layer
    vocabulary: int
    positions: int
    first_position: int  # the number of a text's first place
    types: int  # of segments; 0 where the family has none
    entry_width: int  # of the vectors of pieces, before they are mapped to the width
    activation: str
    epsilon: float  # of the normalizations
    dropout: float  # that it was trained with
    longest: int  # pieces of a text, marks at its ends included
    pooling: tuple[Pooling, ...] = ("mean",)
    unit_length: bool = False  # its sentence vectors are scaled to length 1
    mixed: bool = False  # nobody says that its last layer is the one to pool

    @property
    def pooled_width(self) -> int:
        """Numbers of a sentence vector."""
        return len(self.pooling) * self.width

    def as_text(self) -> str:
        """Return JSON that `configuration_from_text` reads back."""
        return json.dumps(asdict(self))


def configuration_from_text(text: str) -> Configuration:
    """Return the configuration that was saved.

    Raises:
        ValueError, TypeError: it is not what `as_text` wrote.
    """
    values = json.loads(text)
    return Configuration(**{**values, "pooling": tuple(values["pooling"])})


@dataclass(frozen=True, kw_only=True)
class Family:
    """How a family names the settings of its configuration, and its tensors."""

    settings: Mapping[str, str] = field(default_factory=dict)  # ours -> theirs, where not BERT's
    stated: Mapping[str, Any] = field(default_factory=dict)  # what its files do not say
    tensors: Mapping[str, str] = field(default_factory=dict)  # ours -> theirs, where not BERT's
    layer: str = "encoder.layer"
    after_padding: bool = False  # places are counted from the padding's number on


# Names of BERT (Devlin et al. 2019), in its own files; `layer` stands for the folder of one layer.
SETTINGS = {
    "layers": "num_hidden_layers",
    "width": "hidden_size",
    "heads": "num_attention_heads",
    "inner": "intermediate_size",
    "vocabulary": "vocab_size",
    "positions": "max_position_embeddings",
    "types": "type_vocab_size",
    "activation": "hidden_act",
    "epsilon": "layer_norm_eps",
    "dropout": "hidden_dropout_prob",
}
TENSORS = {
    "entries": "embeddings.word_embeddings",
    "places": "embeddings.position_embeddings",
    "segments": "embeddings.token_type_embeddings",
    "normalization": "embeddings.LayerNorm",
    "widening": "embeddings_project",
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "mixed": "attention.output.dense",
    "first_normalization": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "second_normalization": "output.LayerNorm",
}
_DISTILBERT = Family(
    settings={
        "layers": "n_layers",
        "width": "dim",
        "heads": "n_heads",
        "inner": "hidden_dim",
        "activation": "activation",
        "dropout": "dropout",
    },
    stated={"types": 0, "epsilon": 1e-12},
    tensors={
        "query": "attention.q_lin",
        "key": "attention.k_lin",
        "value": "attention.v_lin",
        "mixed": "attention.out_lin",
        "first_normalization": "sa_layer_norm",
        "inner": "ffn.lin1",
        "outer": "ffn.lin2",
        "second_normalization": "output_layer_norm",
    },
    layer="transformer.layer",
)
FAMILIES: dict[str, Family] = {
    "bert": Family(),
    "electra": Family(),
    "distilbert": _DISTILBERT,
    "roberta": Family(after_padding=True),
    "xlm-roberta": Family(after_padding=True),
    "camembert": Family(after_padding=True),
}
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
USUAL = {"activation": "gelu", "epsilon": 1e-12, "dropout": 0.1, "types": 2}  # where a file leaves it out
COUNTS = ("layers", "width", "heads", "inner", "vocabulary", "positions")
AGAIN = "fetch the model's files again"
MOST = 2**24  # of anything that is counted; more is a damaged file


def configured(values: Mapping[str, Any], *, source: str) -> Configuration:
    """Return the configuration that a `config.json` describes.

    Raises:
        DataError: its family is unknown, or what it says cannot be.
    """
    name = values.get("model_type")
    family = FAMILIES.get(name) if isinstance(name, str) else None
    if family is None:
        raise DataError(
            f"{source} must describe an encoder of a family that is known ({', '.join(FAMILIES)}), but its model_type "
            f"is {json.dumps(name)}; take another model"
        )
    assert isinstance(name, str)
    if values.get("position_embedding_type", "absolute") != "absolute" or values.get("is_decoder", False):
        raise DataError(
            f"{source} must describe an encoder with absolute positions, but has position_embedding_type "
            f"{values.get('position_embedding_type')} and is_decoder {values.get('is_decoder')}; take another model"
        )
    found = {ours: _stated(values, family, ours, source=source) for ours in SETTINGS}
    _require_sense(found, family, source=source)
    entry_width = values.get("embedding_size", found["width"]) if name == "electra" else found["width"]
    if not _is_count(entry_width):
        raise DataError(f"{source} must say a whole number for embedding_size, but says {entry_width}; {AGAIN}")
    padding = values.get("pad_token_id", 1) if family.after_padding else -1
    first = padding + 1 if type(padding) is int else -1
    if not 0 <= first < found["positions"]:
        raise DataError(
            f"{source} must have places after that of the padding, but its pad_token_id is {padding} of "
            f"{found['positions']} positions; {AGAIN}"
        )
    return Configuration(
        **{**found, "activation": ACTIVATIONS[found["activation"]]},
        family=name,
        first_position=first,
        entry_width=entry_width,
        longest=found["positions"] - first,
    )


def _require_sense(found: Mapping[str, Any], family: Family, *, source: str) -> None:
    def require(holds: bool, ours: str, what: str) -> None:
        if not holds:
            theirs = family.settings.get(ours, SETTINGS[ours])
            raise DataError(f"{source} must say {what} for {theirs}, but says {json.dumps(found[ours])}; {AGAIN}")

    for ours in COUNTS:
        require(_is_count(found[ours]), ours, f"a whole number from 1 to {MOST:,}")
    require(found["types"] == 0 or _is_count(found["types"]), "types", "a whole number")
    for ours in ("epsilon", "dropout"):
        require(isinstance(found[ours], int | float) and 0 <= found[ours] < 1, ours, "a number from 0 to below 1")
    activation = found["activation"]
    require(isinstance(activation, str) and activation in ACTIVATIONS, "activation", f"one of {', '.join(ACTIVATIONS)}")
    require(found["width"] % found["heads"] == 0, "heads", f"a divisor of the width {found['width']}")


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value <= MOST


def tensor_names(configuration: Configuration) -> dict[str, tuple[str, ...]]:
    """Return where the tensors of our network come from: of its family's files, several of which are put together.

    Names of theirs are without the prefix that a head's model puts before them.
    """
    family = FAMILIES[configuration.family]
    theirs = TENSORS | dict(family.tensors)
    tables = ["entries", "places", *(["segments"] if configuration.types else [])]
    names: dict[str, tuple[str, ...]] = {f"{table}.weight": (f"{theirs[table]}.weight",) for table in tables}
    whole = ["normalization"]
    if configuration.entry_width != configuration.width:
        whole.append("widening")
    for part in ("weight", "bias"):
        names |= {f"{own}.{part}": (f"{theirs[own]}.{part}",) for own in whole}
        for layer in range(configuration.layers):
            ours, folder = f"blocks.{layer}", f"{family.layer}.{layer}"
            names[f"{ours}.asked.{part}"] = tuple(f"{folder}.{theirs[own]}.{part}" for own in ("query", "key", "value"))
            for own in ("mixed", "first_normalization", "inner", "outer", "second_normalization"):
                names[f"{ours}.{own}.{part}"] = (f"{folder}.{theirs[own]}.{part}",)
    return names


def _stated(values: Mapping[str, Any], family: Family, ours: str, *, source: str) -> Any:
    if ours in family.stated:
        return family.stated[ours]
    theirs = family.settings.get(ours, SETTINGS[ours])
    if theirs in values:
        return values[theirs]
    if ours in USUAL:
        return USUAL[ours]
    raise DataError(f"{source} must say {theirs}, but does not; {AGAIN}")
