"""One file per kind of column; reading this table tells you every kind there is."""

from fitwell.data.columns import audio, boolean, category, constant, date, identifier, image, number, series, text
from fitwell.data.columns.cells import Kind
from fitwell.recipe import KindName

KINDS: dict[KindName, Kind] = {
    "number": number.KIND,
    "category": category.KIND,
    "boolean": boolean.KIND,
    "date": date.KIND,
    "text": text.KIND,
    "image": image.KIND,
    "audio": audio.KIND,
    "series": series.KIND,
    "identifier": identifier.KIND,
    "constant": constant.KIND,
}
