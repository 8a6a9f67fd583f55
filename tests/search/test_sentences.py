"""Documents are ranked by a pretrained encoder's vectors, which are kept, and never mixed with another encoder's."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.pretrained.conftest import BERT, tensors_of, write_encoder

from fitwell.errors import DataError, FitwellError, RequestError
from fitwell.pretrained import open_encoder
from fitwell.search import add, index, open_index

DOCUMENTS = {"good": "a good film", "bad": "the film is not very good", "empty": " ", "films": "bad films, bad films"}


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    return write_encoder(tmp_path / "encoder", pooling="mean_tokens", longest=12)


def test_documents_are_ranked_by_the_cosine_of_the_encoders_vectors(tmp_path: Path, encoder: Path) -> None:
    made = index(DOCUMENTS, tmp_path / "index", ways=["sentences"], encoder=encoder).index
    vectors = open_encoder(encoder).encode([*DOCUMENTS.values(), "good films"]).astype(float)
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    expected = dict(zip(DOCUMENTS, vectors[:-1] @ vectors[-1], strict=True))
    expected.pop("empty")
    found = {hit.id: hit.score for hit in made.query("good films")}
    assert found == {name: pytest.approx(value, abs=1e-5) for name, value in expected.items()}
    assert list(found) == sorted(expected, key=lambda name: -expected[name])
    assert made.query(" ") == []


def test_adding_keeps_the_vectors_that_there_are(tmp_path: Path, encoder: Path) -> None:
    made = index(DOCUMENTS, tmp_path / "index", ways=["bm25", "sentences"], encoder=encoder).index
    after = add(tmp_path / "index", {"bad": "a bad film", "new": "the film"}).index
    fresh = index(dict(after.documents()), tmp_path / "fresh", ways=["bm25", "sentences"], encoder=encoder).index
    before, now = made.contents.vectors("sentences")[0], after.contents.vectors("sentences")[0]
    np.testing.assert_array_equal(now[[0, 2, 3]], before[[0, 2, 3]])
    np.testing.assert_allclose(now, fresh.contents.vectors("sentences")[0], atol=1e-5)
    assert [hit.id for hit in after.query("film")] == [hit.id for hit in fresh.query("film")]


def test_texts_that_are_not_read_to_their_end_are_told(tmp_path: Path, encoder: Path) -> None:
    told = index({"long": "good film " * 20}, tmp_path / "index", ways=["sentences"], encoder=encoder)
    (note,) = told.notes
    assert note.startswith("the encoder has not read 1 long text to its end, so that only its beginning counts; try")
    assert index({"long": "good film " * 4}, tmp_path / "short", ways=["sentences"], encoder=encoder).notes == ()


def test_another_encoder_is_refused_and_so_is_one_that_is_gone(tmp_path: Path, encoder: Path) -> None:
    from safetensors.numpy import save_file

    index(DOCUMENTS, tmp_path / "index", ways=["bm25", "sentences"], encoder=encoder)
    save_file(tensors_of(BERT, seed=1), encoder / "model.safetensors")
    with pytest.raises(DataError, match=r"encoder is not the one that read the documents: .* make the index again"):
        open_index(tmp_path / "index").query("film")
    with pytest.raises(DataError, match="is not the one that read the documents"):
        add(tmp_path / "index", {"new": "the film"})
    shutil.rmtree(encoder)
    with pytest.raises(FitwellError, match="encoder"):
        open_index(tmp_path / "index").query("film")
    left = open_index(tmp_path / "index")
    assert left.query("film", by="bm25"), "what needs no encoder goes on"
    near = left.alike(np.array([0, 1, 3]), 2, by="sentences")
    assert near.documents[:, 0].tolist() == [0, 1, 3], "nearest to a document is itself"
    assert near.scores[:, 0].tolist() == pytest.approx([1, 1, 1])


def test_the_way_and_the_encoder_need_each_other(tmp_path: Path, encoder: Path) -> None:
    refusal = 'the way "sentences" needs the folder of an encoder'
    with pytest.raises(RequestError, match=refusal):
        index(DOCUMENTS, tmp_path / "index", ways=["sentences"])
    with pytest.raises(RequestError, match=refusal):
        index(DOCUMENTS, tmp_path / "index", ways=["bm25"], encoder=encoder)
