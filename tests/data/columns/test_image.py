"""A column of paths becomes pictures of one size, and a folder of pictures becomes a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from fitwell.data.columns import image
from fitwell.data.columns.image import ImageEncoder
from fitwell.data.encode import encode_features, encoders_from_json, encoders_to_json, fit_encoders
from fitwell.data.read import read_batches, read_table
from fitwell.data.schema import describe, infer_schema
from fitwell.errors import DataError, RequestError
from fitwell.recipe import ColumnSettings, DataSettings, Recipe, changed

AUTO = ColumnSettings.model_validate({})
SIZED = DataSettings(image_size=64)


def picture(folder: Path, name: str, *, height: int = 4, width: int = 4, level: int = 100, color: bool = False) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    shape = (height, width, 3) if color else (height, width)
    Image.fromarray(np.full(shape, level, dtype=np.uint8)).save(folder / name)
    return name


def encoder_of(folder: Path, names: list[str | None], **settings: Any) -> ImageEncoder:
    cells = pl.Series("photo", [None if name is None else str(folder / name) for name in names])
    column, claim = describe(cells, AUTO)
    assert column.kind == "image", claim
    return image.fit(image.parse(cells, column), column, DataSettings.model_validate({"image_size": 64} | settings))


def test_a_column_of_pictures_is_recognized(tmp_path: Path) -> None:
    cells = pl.Series("photo", [str(tmp_path / picture(tmp_path, "a.png")), None, "b.PNG"])
    column, _ = describe(cells, AUTO)
    assert (column.kind, column.missing_count) == ("image", 1)
    assert column.why == "all 2 cells name pictures; 1 of 3 are missing (empty)"


def test_words_that_end_like_pictures_are_no_images(tmp_path: Path) -> None:
    assert describe(pl.Series("logo", ["a.png", "b.png"] * 20), AUTO)[0].kind == "category"


@pytest.mark.parametrize(
    ("sizes", "largest", "shape"),
    [
        ([(4, 6), (4, 6)], 64, (4, 6, 1)),
        ([(40, 60), (40, 60)], 30, (20, 30, 1)),
        ([(4, 6), (8, 6), (10, 2)], 64, (8, 8, 1)),
        ([(90, 60), (80, 60)], 64, (64, 64, 1)),
        ([(100, 1), (100, 1)], 64, (64, 1, 1)),
    ],
)
def test_the_size_follows_from_the_training_pictures(
    tmp_path: Path, sizes: list[tuple[int, int]], largest: int, shape: tuple[int, ...]
) -> None:
    names = [picture(tmp_path, f"{place}.png", height=h, width=w) for place, (h, w) in enumerate(sizes)]
    assert encoder_of(tmp_path, [*names], image_size=largest).shape == shape


def test_one_picture_in_color_makes_three_channels(tmp_path: Path) -> None:
    names = [picture(tmp_path, "a.png"), picture(tmp_path, "b.png", color=True)]
    assert encoder_of(tmp_path, [names[0]]).channels == 1
    assert encoder_of(tmp_path, [*names]).channels == 3


def test_rows_become_bytes_and_missing_pictures_black(tmp_path: Path) -> None:
    names = [picture(tmp_path, f"{level}.png", level=level) for level in (10, 20)]
    encoder = encoder_of(tmp_path, [*names])
    cells = pl.Series("photo", [str(tmp_path / names[1]), None, str(tmp_path / names[0])])
    encoded = encoder.encode(cells)
    assert encoded.dtype == np.uint8
    assert encoded.reshape(3, -1).max(1).tolist() == encoded.reshape(3, -1).min(1).tolist() == [20, 0, 10]


def test_pictures_that_cannot_be_read_are_told_of_once(tmp_path: Path) -> None:
    names = [picture(tmp_path, f"{place}.png") for place in range(3)]
    encoder = encoder_of(tmp_path, [*names])
    (tmp_path / "0.png").write_bytes(b"")
    (tmp_path / "2.png").unlink()
    cells = pl.Series("photo", [str(tmp_path / name) for name in ("1.png", "0.png", "2.png")])
    told = r'"photo" must name pictures, but .*0\.png in row 12 cannot be read: it is empty \(1 more cannot be'
    with pytest.raises(DataError, match=told + r" read either\); replace it, or set data\.broken_images to skip"):
        encoder.encode(cells, first_row=10)


def test_more_pictures_than_the_memory_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = encoder_of(tmp_path, [picture(tmp_path, "a.png")])
    monkeypatch.setattr(image, "MOST_BYTES", 31)
    with pytest.raises(DataError, match=r"the 2 pictures of column \"photo\" must fit into .* set data\.image_size"):
        encoder.encode(pl.Series("photo", ["a.png", "a.png"]))


def frame_with(folder: Path, rows: int = 12) -> pl.DataFrame:
    names = [picture(folder / "photos", f"{row}.png", level=20 * row) for row in range(rows)]
    return pl.DataFrame({
        "photo": [f"photos/{name}" for name in names],
        "size": [row * 1.5 for row in range(rows)],
        "y": ["a", "b"] * (rows // 2),
    })  # fmt: skip


def test_names_in_a_file_are_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame_with(tmp_path).write_csv(tmp_path / "t.csv")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for frame in (read_table(tmp_path / "t.csv").frame, pl.concat(read_batches(tmp_path / "t.csv", rows=5))):
        assert frame["photo"].to_list() == [str(tmp_path / "photos" / f"{row}.png") for row in range(12)]


def test_images_stand_beside_numbers_and_are_saved_with_them(tmp_path: Path) -> None:
    frame_with(tmp_path).write_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    schema = infer_schema(table, changed(Recipe(), {"target": ["y"]}))
    assert {column.name: column.kind for column in schema.features} == {"photo": "image", "size": "number"}
    settings = DataSettings(image_size=64, numbers="robust", one_hot_limit=8, rare_count=2)
    encoders = fit_encoders(table.frame, schema, np.arange(8), settings)
    blocks = encode_features(table.frame, encoders)
    assert {name: block.shape for name, block in blocks.items()} == {"numbers": (12, 1), "image_0": (12, 4, 4, 1)}
    assert encoders.layout.arrays["image_0"].column == "photo"
    again = encode_features(table.frame, encoders_from_json(encoders_to_json(encoders)))
    assert all(np.array_equal(again[name], blocks[name]) for name in blocks)


def test_a_changed_picture_changes_the_fingerprint(tmp_path: Path) -> None:
    frame_with(tmp_path).write_csv(tmp_path / "t.csv")
    before = read_table(tmp_path / "t.csv").fingerprint
    picture(tmp_path / "photos", "3.png", level=1)
    assert read_table(tmp_path / "t.csv").fingerprint != before


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "photos/../../secret.png"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data"
    frame = frame_with(folder)
    frame[3, "photo"] = name
    frame.write_csv(folder / "t.csv")
    with pytest.raises(
        DataError, match=r'"photo" must name pictures within .*data, but row 4 reads ".*secret\.png"; move'
    ):
        read_table(folder / "t.csv")


def test_a_folder_of_pictures_is_a_table(tmp_path: Path) -> None:
    for name in ("cat/1.png", "dog/1.png", "dog/old/2.png", "loose.png", ".hidden/3.png"):
        picture(tmp_path, name)
    (tmp_path / "README.txt").write_text("about")
    table = read_table(tmp_path)
    assert (table.format, table.target) == ("pictures", ("label",))
    assert table.frame.rows() == [
        (str(tmp_path / "cat/1.png"), "cat"),
        (str(tmp_path / "dog/1.png"), "dog"),
        (str(tmp_path / "dog/old/2.png"), "dog"),
        (str(tmp_path / "loose.png"), None),
    ]
    (tmp_path / "dog/1.png").rename(tmp_path / "cat/2.png")
    assert read_table(tmp_path).fingerprint != table.fingerprint


def test_folders_of_parts_are_no_classes(tmp_path: Path) -> None:
    for part in ("test", "train"):
        picture(tmp_path, f"{part}/cat/1.png")
    with pytest.raises(RequestError, match=r"those of .* are train and test; try .*train, and with --test .*test$"):
        read_table(tmp_path)
