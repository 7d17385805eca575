"""Reference pages: commands, fields of files, texts, tables to download, and imported files."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from compression_leaderboard.board.comparisons import link_corpora
from compression_leaderboard.board.imported import Conflict, Reading, imports_of
from compression_leaderboard.exports.descriptions import dataset_json_ld
from compression_leaderboard.exports.tables import ORIGINS, make_tables
from compression_leaderboard.fits.study import StudiedBoard
from compression_leaderboard.pages.rendering import Renderer, significant
from compression_leaderboard.records.base import fields_of, records_in
from compression_leaderboard.records.corpora import Corpus
from compression_leaderboard.records.imported import Imported
from compression_leaderboard.records.models import Maintainers, Model, Profile, Sentinel, Suite
from compression_leaderboard.records.published import PublishedSource
from compression_leaderboard.repository.results import StoredImport

FILES: tuple[tuple[str, type[Any]], ...] = (
    ("runs/suites/<suite>.toml", Suite),
    ("runs/corpora/<corpus>.toml", Corpus),
    ("runs/profiles/<profile>.toml", Profile),
    ("runs/sentinel.toml", Sentinel),
    ("runs/maintainers.toml", Maintainers),
    ("results/published/<source>/source.toml", PublishedSource),
)


@dataclass(frozen=True)
class Option:
    """An option or argument of a command. default: None where it has none."""

    name: str
    meaning: str
    default: str | None


@dataclass(frozen=True)
class Command:
    """A command as its `--help` describes it."""

    name: str
    summary: str
    example: str
    options: tuple[Option, ...]


def render_fields(render: Renderer, template: str) -> Markup:
    """Describe the fields of a model's file, or those of the other files that people write."""
    view: dict[str, Any] = {"tables_of": tables_of, "fields_of": fields_of, "summary": _summary}
    return render(template, record=Model, files=FILES, **view)


def tables_of(record: type[Any], place: str = "") -> Iterator[tuple[str, type[Any]]]:
    """Yield the record and every record inside its fields, with the name of its TOML table."""
    yield place, record
    for name, info in fields_of(record).items():
        for inner in records_in(info.annotation):
            yield from tables_of(inner, f"{place}.{name}" if place else name)


def _summary(record: type[Any]) -> str:
    return (record.__doc__ or "").partition("\n")[0].replace("`", "")


def render_architectures(render: Renderer, text: str) -> Markup:
    """Show what becomes of each architecture; text: TOML that the tests write."""
    table = tomllib.loads(text)
    works = sum(row["outcome"] == "works" for row in table.get("architectures", ()))
    return render("architectures.html", table=table, works=works)


def render_conventions(render: Renderer, text: str) -> Markup:
    """Show bits per byte of one text under each convention; text: TOML that the tests write."""
    return render("conventions.html", table=tomllib.loads(text))


def render_corpora(render: Renderer, board: StudiedBoard) -> Markup:
    """Show the texts, the newest first, then the links between them."""
    texts = board.specs.corpora
    corpora = sorted(texts.values(), key=lambda corpus: corpus.name)
    corpora.sort(key=lambda corpus: corpus.ends, reverse=True)
    models = sorted(board.specs.models.values(), key=lambda model: model.title)
    links = link_corpora(board.specs, board.current)
    return render("corpora.html", corpora=corpora, models=models, texts=texts, links=links)


def render_downloads(render: Renderer, board: StudiedBoard, files: Mapping[str, bytes]) -> Markup:
    """Show each table's files with their sizes, its key, and its columns explained."""
    tables = make_tables(board.cohorts)
    return render(
        "download.html",
        origins={name: text.split("`") for name, text in ORIGINS.items()},
        tables=tables.values(),
        files=files,
        # Escaped there for a script element, in which HTML's escapes mean nothing.
        dataset=Markup(dataset_json_ld(tables, board)),
    )


def render_imported(
    render: Renderer, model: Model, stored: Sequence[StoredImport], conflicts: Sequence[Conflict]
) -> Markup:
    """Show a model's imported results on its page. conflicts: of all models."""
    imports = imports_of(model, stored)
    if not imports:
        return Markup()
    files = {entry.imported.source.sha256 for _, entry in imports}
    about = [c for c in conflicts if any(r.imported.source.sha256 in files for r in c.readings)]
    return render(
        "imported.html",
        root="../../",
        imports=imports,
        conflicts=about,
        describe=describe_conflict,
        path=imported_path,
    )


def imported_path(record: Imported) -> str:
    """Where a record's copy lies on the site."""
    return f"records/imported/{record.file}"


def describe_conflict(conflict: Conflict) -> str:
    """Say in one line what disagrees, by how much, and every reading."""
    task, score = conflict.readings[0].task, conflict.readings[0].score
    shots = "few-shot unknown" if task.few_shot is None else f"{task.few_shot}-shot"
    filtered = "" if score.filter == "none" else f", {score.filter}"
    prompt = f", prompt {task.prompt}" if task.prompt else ""
    also = f"; the files also differ in: {', '.join(conflict.differs)}" if conflict.differs else ""
    word, verdict = "differ", "no standard error is known, so no verdict"
    if conflict.standard_errors is not None:
        word, verdict = "conflict", f"{conflict.standard_errors:.1f} standard errors apart"
    return (
        f"{word}: {conflict.readings[0].imported.model.title}: "
        f"{task.task} {score.metric}{filtered}, {shots}{prompt}: "
        f"{' against '.join(map(_reading, conflict.readings))}: {verdict}{also}"
    )


def _reading(reading: Reading) -> str:
    error = f" ± {significant(reading.score.stderr)}" if reading.score.stderr is not None else ""
    source = reading.imported.source
    value = significant(reading.score.value)
    return f"{value}{error} ({source.name}, sha256 {source.sha256[:12]})"
