"""A column of paths becomes sounds of one length and rate, and a folder of sounds becomes a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile

from fitwell.data.columns import audio
from fitwell.data.columns.audio import AudioEncoder
from fitwell.data.encode import encode_features, encoders_from_json, encoders_to_json, fit_encoders
from fitwell.data.read import read_table
from fitwell.data.schema import describe, infer_schema
from fitwell.errors import DataError, RequestError
from fitwell.recipe import ColumnSettings, DataSettings, Recipe, changed

AUTO = ColumnSettings.model_validate({})
DECIDED = {"audio_rate": 16_000, "audio_seconds": 10.0}


def sound(folder: Path, name: str, *, seconds: float = 0.1, rate: int = 8000, level: int = 100) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / name, np.full(round(seconds * rate), level, dtype=np.int16), rate)
    return name


def encoder_of(folder: Path, names: list[str | None], **settings: Any) -> AudioEncoder:
    cells = pl.Series("call", [None if name is None else str(folder / name) for name in names])
    column, claim = describe(cells, AUTO)
    assert column.kind == "audio", claim
    return audio.fit(audio.parse(cells, column), column, DataSettings.model_validate(DECIDED | settings))


def test_a_column_of_sounds_is_recognized(tmp_path: Path) -> None:
    cells = pl.Series("call", [str(tmp_path / sound(tmp_path, "a.wav")), None, "b.FLAC"])
    column, _ = describe(cells, AUTO)
    assert (column.kind, column.why) == ("audio", "all 2 cells name sounds; 1 of 3 are missing (empty)")


@pytest.mark.parametrize(
    ("sounds", "settings", "rate", "samples"),
    [
        ([(0.1, 8000), (0.2, 8000)], {}, 8000, 1600),
        ([(0.1, 8000), (0.1, 22_050), (0.1, 22_050)], {}, 16_000, 1600),
        ([(0.1, 8000), (0.2, 8000)], {"audio_seconds": 0.15, "audio_rate": 4000}, 4000, 600),
        ([(0.1, 8000)] * 60 + [(0.9, 8000)], {}, 8000, 800),  # a fiftieth may be cut
    ],
)
def test_rate_and_length_follow_from_the_training_sounds(
    tmp_path: Path, sounds: list[tuple[float, int]], settings: dict[str, Any], rate: int, samples: int
) -> None:
    names = [sound(tmp_path, f"{n}.wav", seconds=seconds, rate=of) for n, (seconds, of) in enumerate(sounds)]
    encoder = encoder_of(tmp_path, [*names], **settings)
    assert (encoder.rate, encoder.shape) == (rate, (samples, 1))


def test_rows_become_samples_and_missing_sounds_silence(tmp_path: Path) -> None:
    names = [sound(tmp_path, "a.wav", level=10), sound(tmp_path, "b.wav", level=20, seconds=0.05)]
    cells = pl.Series("call", [str(tmp_path / names[1]), None, str(tmp_path / names[0])])
    encoded = encoder_of(tmp_path, [*names]).encode(cells)
    assert encoded.dtype == np.int16
    assert encoded[..., 0].sum(1).tolist() == [20 * 400, 0, 10 * 800]
    assert (encoded[0, 400:] == 0).all()


def test_sounds_that_cannot_be_read_are_told_of_once(tmp_path: Path) -> None:
    names = [sound(tmp_path, f"{place}.wav") for place in range(3)]
    encoder = encoder_of(tmp_path, [*names])
    (tmp_path / "0.wav").write_bytes(b"")
    (tmp_path / "2.wav").unlink()
    cells = pl.Series("call", [str(tmp_path / name) for name in ("1.wav", "0.wav", "2.wav")])
    told = r'"call" must name sounds, but .*0\.wav in row 12 cannot be read: it is empty \(1 more cannot be'
    with pytest.raises(DataError, match=told + r" read either\); replace it, or set data\.broken_sounds to skip"):
        encoder.encode(cells, first_row=10)


def test_more_sounds_than_the_memory_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = encoder_of(tmp_path, [sound(tmp_path, "a.wav")])
    monkeypatch.setattr(audio, "MOST_BYTES", 3_199)
    with pytest.raises(DataError, match=r"the 2 sounds of column \"call\" must fit into .* lower data\.audio_seconds"):
        encoder.encode(pl.Series("call", ["a.wav", "a.wav"]))


def test_sounds_stand_beside_numbers_and_are_saved_with_them(tmp_path: Path) -> None:
    names = [sound(tmp_path / "calls", f"{row}.wav", level=20 * row + 20) for row in range(12)]
    frame = pl.DataFrame({"call": [f"calls/{name}" for name in names], "size": np.arange(12) / 7, "y": ["a", "b"] * 6})
    frame.write_csv(tmp_path / "t.csv")
    table = read_table(tmp_path / "t.csv")
    schema = infer_schema(table, changed(Recipe(), {"target": ["y"]}))
    assert {column.name: column.kind for column in schema.features} == {"call": "audio", "size": "number"}
    settings = DataSettings.model_validate(DECIDED | {"numbers": "robust", "one_hot_limit": 8, "rare_count": 2})
    encoders = fit_encoders(table.frame, schema, np.arange(8), settings)
    blocks = encode_features(table.frame, encoders)
    assert {name: block.shape for name, block in blocks.items()} == {"numbers": (12, 1), "audio_0": (12, 800, 1)}
    assert (encoders.layout.arrays["audio_0"].column, encoders.layout.arrays["audio_0"].rate) == ("call", 8000)
    again = encode_features(table.frame, encoders_from_json(encoders_to_json(encoders)))
    assert all(np.array_equal(again[name], blocks[name]) for name in blocks)
    before = table.fingerprint
    sound(tmp_path / "calls", "3.wav", level=1)
    assert read_table(tmp_path / "t.csv").fingerprint != before


@pytest.mark.parametrize("name", ["../secret.wav", "/etc/secret.wav"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    sound(tmp_path / "data", "a.wav")
    pl.DataFrame({"call": ["a.wav", name], "y": [1, 2]}).write_csv(tmp_path / "data" / "t.csv")
    with pytest.raises(
        DataError, match=r'"call" must name sounds within .*data, but row 2 reads ".*secret\.wav"; move'
    ):
        read_table(tmp_path / "data" / "t.csv")


def test_a_folder_of_sounds_is_a_table_whatever_lies_beside_them(tmp_path: Path) -> None:
    for name in ("cat/1.wav", "dog/1.wav", "loose.flac"):
        sound(tmp_path, name)
    (tmp_path / "cover.png").write_bytes(b"a picture")
    (tmp_path / "README.txt").write_text("about")
    table = read_table(tmp_path)
    assert (table.format, table.target) == ("sounds", ("label",))
    assert table.frame.rows() == [
        (str(tmp_path / "cat/1.wav"), "cat"),
        (str(tmp_path / "dog/1.wav"), "dog"),
        (str(tmp_path / "loose.flac"), None),
    ]


def test_folders_of_parts_are_no_classes(tmp_path: Path) -> None:
    for part in ("test", "train"):
        sound(tmp_path, f"{part}/cat/1.wav")
    with pytest.raises(RequestError, match=r"a folder of sounds are their classes, but those of .* are train and test"):
        read_table(tmp_path)
