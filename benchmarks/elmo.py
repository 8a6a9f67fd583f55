"""How well does ELMo tell words, what does it bring to a network, and how fast is it learned?

    python benchmarks/elmo.py perplexity DATA [--epochs 5] [--time-limit 900] [--work DIR]
    python benchmarks/elmo.py movies DATA [--epochs 5] [--labels 500] [--work DIR]
    python benchmarks/elmo.py senses DATA --encoder FOLDER...
    python benchmarks/elmo.py speed DATA [--steps 12]

`perplexity` learns a model from `tiny_shakespeare` and prints that of both directions on held-out lines, beside
guessing by frequency. `movies` learns one from `movie_sentence_polarity` without the labels and without 2,000 rows that
are measured on; then runs learn from so many labelled rows: Fitwell's default (weighted terms), words in a network from
scratch, and the model, kept, its layers mixed by the network. Accuracy with its interval on the same rows. `senses`
prints, for every word of `examples/senses.jsonl`, how many senses are found and how well they are the true ones, by
each encoder and by static vectors learned from `english_corpus` if DATA has it. `speed` takes the same steps of the
same model as a plain loop would, which spells every word where it stands and not each distinct one once; words a CPU
second, in turns. DIR keeps what was learned.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

PATTERN = r"\w+|[^\w\s]"
MEASURED = 2000


def learned(texts: Any, work: Path, *, epochs: int, limit: float | None = None) -> Any:
    """Return the model of a folder, learned first if it is not there."""
    import fitwell as fw

    if not work.exists():
        began = time.process_time()
        cutting = fw.words.Tokenization(pattern=PATTERN)
        model = fw.words.elmo(
            texts, epochs=epochs, time_limit=limit, tokenization=cutting, checkpoint=f"{work}.part", progress=_told()
        )
        model.save(work)
        print(f"{time.process_time() - began:.0f} CPU seconds", flush=True)
    model = fw.words.load_elmo(work)
    told = {name: model.made[name] for name in model.made if name.startswith(("perplexity", "held_out_w", "tokens"))}
    print(json.dumps(told), flush=True)
    return model


def _told() -> Any:
    shown = 0

    def listen(look: Any) -> None:
        nonlocal shown
        if int(4 * look.epoch) > shown:
            shown = int(4 * look.epoch)
            print(f"epoch {look.epoch:.2f}, loss {look.loss:.3f}, {look.per_second:.0f} words/s", flush=True)

    return listen


def movies(data: Path, work: Path, *, epochs: int, labels: int) -> None:
    """Print the accuracy of each way to read the texts."""
    import numpy as np
    import polars as pl

    import fitwell as fw

    table = pl.read_csv(data / "movie_sentence_polarity" / "movie_sentence_polarity.csv", infer_schema=False)
    table = table[np.random.default_rng(0).permutation(len(table)).tolist()]
    rest = table.slice(MEASURED)
    table.head(MEASURED).write_csv(work / "measured.csv")
    learned(rest["text"].to_list(), work / "movies", epochs=epochs)
    ways: dict[str, dict[str, Any]] = {
        "terms": {},
        "words from scratch": {"network.text.family": "convolutional"},
        "ELMo, kept": {"data.text_encoder": str(work / "movies"), "network.text.tuned": False},
    }
    for name, settings in ways.items():
        out = work / f"{name.split()[0].strip(',')}-{labels}"
        if not out.exists():
            fw.train(rest.head(labels), target="label", test=work / "measured.csv", settings=settings, out=out)
        run = fw.load(out)
        mixed = [event["text"] for event in run.events if event["event"] == "mixing"]
        value, low, high = (run.evaluation["metrics"]["accuracy"][part] for part in ("value", "low", "high"))
        print(f"| {name} | {labels} | {value:.3f} ({low:.3f} to {high:.3f}) | {mixed} |", flush=True)


def senses(data: Path, work: Path, encoders: list[Path]) -> None:
    """Print how well senses are told apart."""
    import fitwell as fw
    from fitwell.words.bilm.model import is_elmo

    lines = Path("examples/senses.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    static = None
    corpus = data / "english_corpus" / "english_5m.txt.gz"
    if corpus.exists():
        if not (work / "static.safetensors").exists():
            fw.words.word2vec(corpus, dimension=50).save(work / "static.safetensors")
        static = fw.words.load(work / "static.safetensors")
    for folder in encoders:
        encoder = fw.words.load_elmo(folder) if is_elmo(folder) else fw.pretrained.open_encoder(folder)
        for word in dict.fromkeys(record["word"] for record in records):
            own = [record for record in records if record["word"] == word]
            texts, truth = [record["text"] for record in own], [record["sense"] for record in own]
            told = [folder.name, word, str(len(set(truth)))]
            for count in (None, len(set(truth))):
                found = fw.words.senses(word, texts, encoder=encoder, vectors=static, count=count)
                judged = found.judged(truth)
                told += [str(found.count)] if count is None else []
                told += [f"{index:.2f} ({accuracy:.2f})" for index, accuracy in judged.values()]
            print(f"| {' | '.join(told)} |", flush=True)


def speed(data: Path, *, steps: int) -> None:
    """Print words a CPU second of the same steps, by Fitwell and by a plain loop."""
    import torch
    from torch import nn

    import fitwell as fw
    from fitwell.words.bilm.characters import character_rows
    from fitwell.words.bilm.learning import ElmoSettings, learn, stream_of, to_learn
    from fitwell.words.bilm.network import LanguageModel, Sizes

    torch.set_num_threads(1)
    corpus = fw.words.encode(
        data / "tiny_shakespeare" / "tiny_shakespeare.txt", tokenization=fw.words.Tokenization(pattern=PATTERN)
    )
    known = len(corpus.vocabulary.pruned(min_count=2, max_size=None))
    stream = stream_of(corpus.ids, corpus.ends, known=known, lanes=32)
    symbols = torch.from_numpy(character_rows(corpus.vocabulary.words))
    sizes = Sizes(targets=known + 2)
    settings = ElmoSettings(
        dimension=128,
        cells=128,
        epochs=1,
        min_count=2,
        max_size=None,
        lanes=32,
        rate=0.002,
        dropout=0.1,
        clip_norm=1.0,
        held_out=0.0,
        seed=1,
    )
    ours = learn(to_learn(LanguageModel(sizes), lanes=32), symbols, stream, settings)
    model = LanguageModel(sizes)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
    drop, both, carried = nn.Dropout(0.1), (stream, stream.reversed()), model.no_state(32)

    def plain(step: int) -> None:
        nonlocal carried
        losses, ends = [], []
        for place, each in enumerate(both):
            rows, targets = each.window(step)
            words = model.spelled(symbols[rows.flatten()]).view(*rows.shape, -1)
            layers, end = model.directions[place](drop(words), carried[place], drop)
            losses.append(model.losses(drop(layers[-1]).flatten(0, 1), targets.flatten()).mean())
            ends.append(end.detach())
        carried = torch.stack(ends)
        optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    spent = {"Fitwell": 0.0, "plain loop": 0.0}
    for step in range(steps + 2):  # the first two warm up
        for name in spent:
            began = time.process_time()
            next(ours) if name == "Fitwell" else plain(step)
            spent[name] += (time.process_time() - began) * (step > 1)
    words = steps * 32 * 20
    for name, seconds in spent.items():
        print(f"{name}: {words / seconds:.0f} words a CPU second", flush=True)
    print(f"ratio {spent['plain loop'] / spent['Fitwell']:.2f}")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["perplexity", "movies", "senses", "speed"])
    parser.add_argument("data", type=Path, help="folder of the sets")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--time-limit", type=float, help="seconds that perplexity may take")
    parser.add_argument("--labels", type=int, default=500)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--encoder", type=Path, nargs="*", default=[])
    parser.add_argument("--work", type=Path, default=Path("runs/elmo"))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if given.what == "perplexity":
        texts = given.data / "tiny_shakespeare" / "tiny_shakespeare.txt"
        learned(texts, given.work / "shakespeare", epochs=given.epochs, limit=given.time_limit)
    elif given.what == "movies":
        movies(given.data, given.work, epochs=given.epochs, labels=given.labels)
    elif given.what == "senses":
        senses(given.data, given.work, given.encoder)
    else:
        speed(given.data, steps=given.steps)


if __name__ == "__main__":
    main()
