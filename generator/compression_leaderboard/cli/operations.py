"""`leaderboard health`, `leaderboard drift` and `leaderboard corpus`."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from compression_leaderboard.cli.app import (
    AsJson,
    AsMarkdown,
    Day,
    Place,
    Root,
    Text,
    app,
    day_option,
    print_answer,
    refusal,
    refuse_unknown,
)
from compression_leaderboard.wording import counted

if TYPE_CHECKING:
    from compression_leaderboard.measure.fresh_text import FreshSource
    from compression_leaderboard.operations.fresh_corpus import Sieve
    from compression_leaderboard.operations.health import WorkflowRun
    from compression_leaderboard.records.corpora import Corpus, Protocol, TextDocument
    from compression_leaderboard.repository.specs import Specs


@app.command()
def health(
    root: Root = Path(),
    workflow_runs: Annotated[Place, typer.Option(help="Output of gh run list --json.")] = None,
    as_json: AsJson = False,
    markdown: AsMarkdown = False,
) -> None:
    """List silent failures and files that are left out; print nothing when all is well.

    Example: `leaderboard health --workflow-runs workflow-runs.json`
    """
    from compression_leaderboard.cli.reading import read_possible
    from compression_leaderboard.measure.machine import read_machine
    from compression_leaderboard.operations.health import faults_markdown, faults_text, find_faults
    from compression_leaderboard.plan.jobs import plan_jobs
    from compression_leaderboard.repository.git import read_commit

    contents, problems = read_possible(root)
    sound = contents.without_faulty({problem.file for problem in problems})
    jobs = plan_jobs(sound.specs, sound.stored, machine=read_machine())
    faults = find_faults(
        _read_runs(workflow_runs) if workflow_runs else [],
        sound.stored,
        sum(not job.blocked for job in jobs),
        problems,
        datetime.fromisoformat(read_commit(root, "HEAD").date),
        datetime.now(UTC),
    )
    show = faults_markdown if markdown else faults_text
    print_answer(as_json, faults, show(faults).splitlines())


def _read_runs(file: Path) -> list[WorkflowRun]:
    from pydantic import TypeAdapter, ValidationError

    from compression_leaderboard.operations.health import WorkflowRun

    try:
        return TypeAdapter(list[WorkflowRun]).validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        command = "gh run list --json workflowName,event,status,conclusion,createdAt"
        raise refusal(file, "is not a list of runs", f"write it with `{command}`") from error


@app.command()
def drift(root: Root = Path(), as_json: AsJson = False, markdown: AsMarkdown = False) -> None:
    """Show the sentinel's readings over time and whether they drift from the first record.

    Example: `leaderboard drift`
    """
    from compression_leaderboard.cli.reading import read_rechecked, read_valid
    from compression_leaderboard.operations.health import (
        drift_json,
        drift_markdown,
        drift_text,
        list_readings,
    )
    from compression_leaderboard.repository.specs import read_specs

    specs = read_valid(read_specs, root)
    readings = list_readings(specs, read_rechecked(root)[0])
    show = drift_markdown if markdown else drift_text
    print_answer(as_json, drift_json(readings), show(specs, readings).splitlines())


@app.command()
def corpus(
    action: Annotated[Literal["propose"], typer.Argument(help="propose: fetch a new corpus.")],
    source: Annotated[
        Literal["wikipedia", "arxiv", "code"], typer.Argument(help="Where its text comes from.")
    ],
    root: Root = Path(),
    begins: Annotated[Day, day_option("First day. Default: 80 days before the last.")] = None,
    ends: Annotated[Day, day_option("Last day. Default: yesterday.")] = None,
    like: Annotated[str, typer.Option(help="The corpus whose protocol it adopts.")] = "sotu",
    documents: Annotated[int, typer.Option(min=2, help="Largest number of documents.")] = 40,
    shortest: Annotated[int, typer.Option(min=1, help="Bytes of the shortest document.")] = 1000,
    address: Annotated[Text, typer.Option(help="Another server with the same interface.")] = None,
) -> None:
    """Propose a new dated corpus of fresh, openly licensed text, without duplicates.

    Example: `leaderboard corpus propose arxiv`
    """
    from compression_leaderboard.cli.reading import read_valid
    from compression_leaderboard.measure.fresh_text import SOURCES
    from compression_leaderboard.operations.fresh_corpus import Sieve
    from compression_leaderboard.repository.specs import read_specs

    specs = read_valid(read_specs, root)
    refuse_unknown({"--like": ("corpus", like, specs.corpora)})
    last = (ends or datetime.now(UTC) - timedelta(days=1)).date()
    first = begins.date() if begins else last - timedelta(days=80)
    if last < first:
        raise refusal("--ends", f"{last} is before the first day, {first}", "swap them")
    name = f"{source}-{last:%Y-%m}"
    if name in specs.corpora:
        print(f"runs/corpora/{name}.toml exists already")
        return
    sieve = Sieve(SOURCES[source].language, shortest)
    texts = _select(specs, root, sieve, _fetch(source, address, first, last), documents)
    dropped = ", ".join(f"{n} {why}" for why, n in sorted(sieve.dropped.items())) or "none"
    amount = counted(len(texts), "document")
    print(f"{amount} kept; left out: {dropped}", file=sys.stderr)
    if len(texts) < 2:
        wrong = f"{amount} between {first} and {last} can be used, and 2 are needed"
        raise refusal(source, wrong, "give more days or lower --shortest")
    made = _make_corpus(name, SOURCES[source], texts, specs.corpora[like].protocol)
    _write(root, made, texts)
    print(f"runs/corpora/{name}.toml: {amount}, {counted(made.bytes, 'byte')}, {made.sha256}")


def _fetch(source: str, address: str | None, begins: date, ends: date) -> Iterator[TextDocument]:
    """Fetch the documents of a source. address: of another server, which gets no token."""
    from compression_leaderboard.measure.fresh_text import SOURCES, Web

    origin = SOURCES[source]
    if address is not None:
        return origin.find(Web(address, 0.0), begins, ends)
    token = os.environ.get("GITHUB_TOKEN") if source == "code" else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return origin.find(Web(origin.address, origin.pause_seconds, headers), begins, ends)


def _select(
    specs: Specs, root: Path, sieve: Sieve, fetched: Iterator[TextDocument], most: int
) -> list[TextDocument]:
    """Keep fetched documents that no corpus of the board has already."""
    from compression_leaderboard.measure.documents import read_corpus

    for known in specs.corpora.values():
        for document in read_corpus(known, root):
            sieve.know(document.text)
    return list(islice(sieve.keep(fetched), most))


def _make_corpus(
    name: str, origin: FreshSource, texts: list[TextDocument], protocol: Protocol
) -> Corpus:
    """Make the spec of a corpus. protocol: another corpus's, with its size of a document."""
    from compression_leaderboard.measure.documents import first_bytes
    from compression_leaderboard.records.corpora import Corpus

    ordered = sorted(texts, key=lambda text: text.name)
    limit = protocol.document_bytes
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
    from compression_leaderboard.repository.files import write_atomically
    from compression_leaderboard.repository.specs import LARGEST_BYTES, texts_file, toml_text

    content = texts_file(texts)
    if len(content) > LARGEST_BYTES:
        wrong = f"the text has {len(content)} bytes, more than {LARGEST_BYTES}"
        raise refusal(made.name, wrong, "lower --documents")
    write_atomically(root / str(made.source.path), content)
    write_atomically(root / f"runs/corpora/{made.name}.toml", toml_text(made).encode())
