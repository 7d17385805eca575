"""Which jobs a command is about, and how they are shown."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from generator.files.specs import Specs
from generator.plan import Job
from generator.records.base import UserError
from generator.records.classical import CLASSICAL

ModelFilter = Annotated[
    str | None, typer.Option("--model", help="Only this id; classical: the compressors.")
]
SuiteFilter = Annotated[str | None, typer.Option("--suite", help="Only this suite.")]
CorpusFilter = Annotated[str | None, typer.Option("--corpus", help="Only this corpus.")]
ProfileFilter = Annotated[str | None, typer.Option("--profile", help="Only what it lists.")]


def select_jobs(
    jobs: list[Job],
    specs: Specs,
    model: str | None,
    suite: str | None,
    corpus: str | None,
    profile: str | None,
) -> list[Job]:
    """The jobs that the filters leave; an unknown name is an error that lists the known ones."""
    asked = {"model": model, "suite": suite, "corpus": corpus, "profile": profile}
    known: dict[str, Any] = {
        "model": {*specs.models, CLASSICAL.id},
        "suite": specs.suites,
        "corpus": {**specs.corpora, **specs.preferences},
        "profile": specs.profiles,
    }
    refuse_unknown({f"--{kind}": (kind, name, known[kind]) for kind, name in asked.items()})
    kept = [job for job in jobs if model in (None, job.model.id)]
    if suite or corpus:
        kept = [job for job in kept if job.name == (suite if job.kind == "suite" else corpus)]
    if profile:
        listed = specs.profiles[profile]
        names = {"suite": listed.suites, "corpus": listed.corpora}
        kept = [j for j in kept if j.model.id in listed.models and j.name in names[j.kind]]
    return kept


def refuse_unknown(asked: Mapping[str, tuple[str, str | None, Iterable[str]]]) -> None:
    """A UserError that lists the known names. asked: by place the kind, the name, those known."""
    unknown = [
        f'{place}: unknown {kind} "{name}"; choose from {", ".join(sorted(known))}'
        for place, (kind, name, known) in asked.items()
        if name is not None and name not in set(known)
    ]
    if unknown:
        raise UserError(unknown)


def job_name(job: Job) -> str:
    place = job.model.id
    if len(job.model.revisions()) > 1:
        place += f" at {job.checkpoint.tokens_seen} tokens"
    part = f" part {job.part.number} of {job.part.of}" if job.part else ""
    return f"{place} {job.kind} {job.name}{part}"


def job_row(job: Job) -> dict[str, Any]:
    return {
        "model": job.model.id,
        "revision": job.checkpoint.revision,
        "kind": job.kind,
        "name": job.name,
        "why": job.why,
        "blocked": job.blocked,
    }
