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

from compression_leaderboard.cli.app import Root, app, valid_specs
from compression_leaderboard.operations.fresh_corpus import Sieve
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.records.corpora import Corpus, TextDocument
from compression_leaderboard.repository.results import write_atomically
from compression_leaderboard.repository.specs import Specs
from compression_leaderboard.repository.texts import LARGEST_BYTES, texts_file


class Action(StrEnum):
    propose = "propose"


class Origin(StrEnum):
    wikipedia = "wikipedia"
    arxiv = "arxiv"
    code = "code"


@app.command()
def corpus(
    action: Annotated[Action, typer.Argument(help="propose: fetch a new corpus.")],
    source: Annotated[Origin, typer.Argument(help="Where its text comes from.")],
    root: Root = Path(),
    begins: Annotated[
        str | None, typer.Option(help="First day, YYYY-MM-DD; without it 80 days before the last.")
    ] = None,
    ends: Annotated[
        str | None, typer.Option(help="Last day, YYYY-MM-DD; without it yesterday.")
    ] = None,
    like: Annotated[str, typer.Option(help="The corpus whose protocol it takes over.")] = "sotu",
    documents: Annotated[int, typer.Option(min=2, help="Documents at most.")] = 40,
    shortest: Annotated[int, typer.Option(min=1, help="Bytes of the shortest one.")] = 1000,
    address: Annotated[
        str | None, typer.Option(help="Another server with the source's interface.")
    ] = None,
) -> None:
    """Propose a new dated corpus of fresh, openly licensed text, without duplicates.

    Example: `leaderboard corpus propose arxiv`
    """
    from compression_leaderboard.measure.record import MeasureError

    specs = valid_specs(root)
    if like not in specs.corpora:
        repair = f"choose from {', '.join(sorted(specs.corpora)) or 'none yet'}"
        raise UserError([Problem("--like", "", f'unknown corpus "{like}"', repair)])
    last = _day("--ends", ends) or datetime.now(UTC).date() - timedelta(days=1)
    first = _day("--begins", begins) or last - timedelta(days=80)
    if last < first:
        wrong = f"{last} is before the first day, {first}"
        raise UserError([Problem("--ends", "", wrong, "swap them")])
    name = f"{source.value}-{last:%Y-%m}"
    if name in specs.corpora:
        print(f"runs/corpora/{name}.toml is there already")
        return
    sieve = Sieve("python" if source is Origin.code else "en", shortest)
    try:
        for text in _known_texts(specs, root):
            sieve.know(text)
        kept = list(islice(sieve.keep(_fetch(source, address, first, last)), documents))
    except MeasureError as error:
        raise UserError([error.message]) from error
    dropped = ", ".join(f"{n} {why}" for why, n in sorted(sieve.dropped.items()))
    print(f"{len(kept)} documents kept; left out: {dropped or 'none'}", file=sys.stderr)
    if len(kept) < 2:
        wrong = f"{len(kept)} documents between {first} and {last} pass"
        raise UserError([Problem(source.value, "", wrong, "give more days or lower --shortest")])
    made = _make(name, source, kept, specs.corpora[like])
    _write(root, made, kept)
    print(f"runs/corpora/{name}.toml: {len(kept)} documents, {made.bytes} bytes, {made.sha256}")


def _day(option: str, given: str | None) -> date | None:
    try:
        return date.fromisoformat(given) if given else None
    except ValueError as error:
        wrong = f'"{given}" is not a date'
        raise UserError([Problem(option, "", wrong, "write YYYY-MM-DD")]) from error


def _fetch(source: Origin, address: str | None, begins: date, ends: date) -> Iterator[TextDocument]:
    from compression_leaderboard.measure.fresh_text import SOURCES, Web

    found = SOURCES[source.value]
    token = os.environ.get("GITHUB_TOKEN") if source is Origin.code and not address else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    pause = 0.0 if address else found.pause_seconds
    return found.find(Web(address or found.address, pause, headers), begins, ends)


def _known_texts(specs: Specs, root: Path) -> Iterator[str]:
    """The documents of every corpus that is there."""
    from compression_leaderboard.measure.corpora import read_corpus

    for one in specs.corpora.values():
        yield from (document.text for document in read_corpus(one, root))


def _make(name: str, source: Origin, kept: list[TextDocument], like: Corpus) -> Corpus:
    from compression_leaderboard.measure.corpora import first_bytes
    from compression_leaderboard.measure.fresh_text import SOURCES

    found, limit = SOURCES[source.value], like.protocol.document_bytes
    ordered = sorted(kept, key=lambda one: one.name)
    content = "".join(first_bytes(one.text.encode(), limit) for one in ordered).encode()
    positions = min(like.protocol.positions, max(1, len(content) // 10))
    dates = [one.date for one in kept]
    fields = {
        "name": name,
        "title": f"{found.title}, {min(dates)} to {max(dates)}",
        "domain": found.domain,
        "begins": min(dates),
        "ends": max(dates),
        "licence": found.licence,
        "note": "Address, date and licence of each document stand in its file.",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "source": {"path": f"runs/texts/{name}.jsonl"},
        "protocol": like.protocol.model_copy(
            update={"documents": len(kept), "positions": positions}
        ),
    }
    return Corpus.model_validate(fields)


def _write(root: Path, made: Corpus, kept: list[TextDocument]) -> None:
    """The text first, so that no corpus ever lacks it."""
    from compression_leaderboard.gate.new_model import toml_text

    content = texts_file(kept)
    if len(content) > LARGEST_BYTES:
        wrong = f"the text has {len(content)} bytes, more than {LARGEST_BYTES}"
        raise UserError([Problem(made.name, "", wrong, "lower --documents")])
    write_atomically(root / str(made.source.path), content)
    write_atomically(root / f"runs/corpora/{made.name}.toml", toml_text(made).encode())
