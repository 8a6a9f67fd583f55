"""`fitwell words sentences`: each text of a corpus becomes one vector, by a pretrained encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from fitwell.cli.words.options import Corpus, Field, Unit


def sentences(
    encoder: Annotated[Path, typer.Argument(help="Folder of an encoder, as Hugging Face's libraries save it.")],
    corpus: Corpus,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .npy, as NumPy reads it.")],
    unit: Unit = "line",
    field: Field = None,
    precision: Annotated[str, typer.Option(help="float32, or bfloat16: twice as fast on some CPUs.")] = "float32",
) -> None:
    """Encode each text of CORPUS as one vector: a matrix with a row for each, in their order."""
    import numpy as np
    from rich.console import Console

    from fitwell.errors import RequestError
    from fitwell.files import writing
    from fitwell.pretrained import open_encoder
    from fitwell.words.texts import Piece, pieces_of

    if output.suffix != ".npy":
        raise RequestError(
            f'the matrix is written as .npy, but "{output.name}" ends otherwise; name it {output.stem}.npy'
        )
    with Console(stderr=True).status("encoding") as status:
        # What these words may be is checked, and refused in a sentence, where they are used.
        opened, found, shortened = open_encoder(encoder, precision=cast(Any, precision)), [], 0
        for piece in pieces_of(corpus, unit=cast(Any, unit), field=field):
            assert isinstance(piece, Piece), "files hold texts"
            encoded = opened.encoded(piece.texts())
            found.append(encoded.vectors)
            shortened += encoded.shortened
            status.update(f"{sum(map(len, found)):,} texts encoded")
        vectors = np.concatenate(found)
        with writing(output) as temporary, temporary.open("wb") as file:
            np.save(file, vectors, allow_pickle=False)
    told = f"; {shortened:,} were cut after {opened.configuration.longest} pieces" if shortened else ""
    typer.echo(f"{len(vectors):,} texts, {opened.width} numbers each: {output}{told}", err=True)
