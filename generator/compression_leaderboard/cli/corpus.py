"""`leaderboard corpus`."""

import hashlib
import os
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from compression_leaderboard.cli.app import Root, app, read_day, read_valid, refuse_unknown
from compression_leaderboard.operations.fresh_corpus import Sieve
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.records.corpora import Corpus, Protocol, TextDocument
from compression_leaderboard.repository.files import write_atomically
from compression_leaderboard.repository.specs import (
    LARGEST_BYTES,
    Specs,
    read_specs,
    texts_file,
    toml_text,
)
from compression_leaderboard.wording import counted


class Action(StrEnum):
    propose = "propose"


class Source(StrEnum):
    wikipedia = "wikipedia"
    arxiv = "arxiv"
    code = "code"


@app.command()
def corpus(
    action: Annotated[Action, typer.Argument(help="propose: fetch a new corpus.")],
    source: Annotated[Source, typer.Argument(help="Where its text comes from.")],
    root: Root = Path(),
    begins: Annotated[
        str | None, typer.Option(help="First day, YYYY-MM-DD. Default: 80 days before the last.")
    ] = None,
    ends: Annotated[
        str | None, typer.Option(help="Last day, YYYY-MM-DD. Default: yesterday.")
    ] = None,
    like: Annotated[str, typer.Option(help="The corpus whose protocol it adopts.")] = "sotu",
    documents: Annotated[int, typer.Option(min=2, help="Largest number of documents.")] = 40,
    shortest: Annotated[int, typer.Option(min=1, help="Bytes of the shortest document.")] = 1000,
    address: Annotated[
        str | None, typer.Option(help="Another server with the source's interface.")
    ] = None,
) -> None:
    """Propose a new dated corpus of fresh, openly licensed text, without duplicates.

    Example: `leaderboard corpus propose arxiv`
    """
    from compression_leaderboard.measure.fresh_text import SOURCES
    from compression_leaderboard.measure.record import MeasureError

    specs = read_valid(read_specs, root)
    refuse_unknown({"--like": ("corpus", like, specs.corpora)})
    last = read_day("--ends", ends) if ends else datetime.now(UTC).date() - timedelta(days=1)
    first = read_day("--begins", begins) if begins else last - timedelta(days=80)
    if last < first:
        wrong = f"{last} is before the first day, {first}"
        raise UserError([Problem("--ends", "", wrong, "swap them")])
    name = f"{source.value}-{last:%Y-%m}"
    if name in specs.corpora:
        print(f"runs/corpora/{name}.toml exists already")
        return
    sieve = Sieve(SOURCES[source.value].language, shortest)
    try:
        for text in _known_texts(specs, root):
            sieve.know(text)
        texts = list(islice(sieve.keep(_fetch(source, address, first, last)), documents))
    except MeasureError as error:
        raise UserError([error.message]) from error
    dropped = ", ".join(f"{n} {why}" for why, n in sorted(sieve.dropped.items())) or "none"
    amount = counted(len(texts), "document")
    print(f"{amount} kept; left out: {dropped}", file=sys.stderr)
    if len(texts) < 2:
        wrong = f"{amount} between {first} and {last} can be used, at least 2 are needed"
        raise UserError([Problem(source.value, "", wrong, "give more days or lower --shortest")])
    made = _make_corpus(name, source, texts, specs.corpora[like].protocol)
    _write(root, made, texts)
    print(f"runs/corpora/{name}.toml: {amount}, {counted(made.bytes, 'byte')}, {made.sha256}")


def _fetch(source: Source, address: str | None, begins: date, ends: date) -> Iterator[TextDocument]:
    from compression_leaderboard.measure.fresh_text import SOURCES, Web

    origin = SOURCES[source.value]
    token = os.environ.get("GITHUB_TOKEN") if source is Source.code and not address else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    pause = 0.0 if address else origin.pause_seconds
    return origin.find(Web(address or origin.address, pause, headers), begins, ends)


def _known_texts(specs: Specs, root: Path) -> Iterator[str]:
    """The documents of every corpus of the board."""
    from compression_leaderboard.measure.corpora import read_corpus

    for known in specs.corpora.values():
        yield from (document.text for document in read_corpus(known, root))


def _make_corpus(
    name: str, source: Source, texts: list[TextDocument], protocol: Protocol
) -> Corpus:
    """Make the spec of a corpus. protocol: another corpus's, with its size of a document."""
    from compression_leaderboard.measure.corpora import first_bytes
    from compression_leaderboard.measure.fresh_text import SOURCES

    origin, limit = SOURCES[source.value], protocol.document_bytes
    ordered = sorted(texts, key=lambda text: text.name)
    content = "".join(first_bytes(text.text.encode(), limit) for text in ordered).encode()
    positions = min(protocol.positions, max(1, len(content) // 10))
    dates = [text.date for text in texts]
    fields = {
        "name": name,
        "title": f"{origin.title}, {min(dates)} to {max(dates)}",
        "domain": origin.domain,
        "begins": min(dates),
        "ends": max(dates),
        "licence": origin.licence,
        "note": "The file of texts gives each document's address, date and licence.",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "source": {"path": f"runs/texts/{name}.jsonl"},
        "protocol": protocol.model_copy(update={"documents": len(texts), "positions": positions}),
    }
    return Corpus.model_validate(fields)


def _write(root: Path, made: Corpus, texts: list[TextDocument]) -> None:
    """Write the text before its spec, so that a corpus always has its text."""
    content = texts_file(texts)
    if len(content) > LARGEST_BYTES:
        wrong = f"the text has {len(content)} bytes, more than {LARGEST_BYTES}"
        raise UserError([Problem(made.name, "", wrong, "lower --documents")])
    write_atomically(root / str(made.source.path), content)
    write_atomically(root / f"runs/corpora/{made.name}.toml", toml_text(made).encode())
