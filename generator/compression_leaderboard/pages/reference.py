"""Reference pages: commands, fields of files, texts, tables to download, and imported files."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from compression_leaderboard.board.comparisons import link_corpora
from compression_leaderboard.board.imported import Conflict, Reading, imports_of
from compression_leaderboard.exports.descriptions import dataset_json_ld
from compression_leaderboard.exports.tables import ORIGINS, make_tables
from compression_leaderboard.fits.study import StudiedBoard
from compression_leaderboard.pages.rendering import Renderer, significant
from compression_leaderboard.plan.estimates import (
    Work,
    count_calibration,
    count_windows,
    state_bytes,
)
from compression_leaderboard.records.base import fields_of, records_in
from compression_leaderboard.records.corpora import Corpus, Protocol
from compression_leaderboard.records.imported import Imported
from compression_leaderboard.records.models import Maintainers, Model, Profile, Sentinel, Suite
from compression_leaderboard.records.published import PublishedSource
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import StoredImport, StoredResult
from compression_leaderboard.repository.specs import Specs

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


# A large model: figures that are counted, not measured --------------------------------------------


@dataclass(frozen=True)
class Example:
    """The model whose cost the page estimates."""

    parameters: float = 70e9
    layers: int = 80
    width: int = 8192


@dataclass(frozen=True)
class Gpu:
    """A GPU as its data sheet describes it: dense, without TF32. FLOP per second."""

    name: str
    memory_bytes: float
    bfloat16: float
    float32: float


A100 = Gpu("A100 80 GB", 80e9, 312e12, 19.5e12)
H100 = Gpu("H100 SXM 80 GB", 80e9, 989e12, 67e12)
H200 = Gpu("H200 141 GB", 141e9, 989e12, 67e12)
WORKERS = ((2, A100), (4, A100), (8, A100), (2, H100), (4, H100), (8, H100), (2, H200), (4, H200))
# Assumed, and named on the page.
UTILISATION = 0.4  # of the peak
USABLE = 0.9  # of a GPU's memory, for weights
DISK = 2e9  # bytes per second, of weights
BUS = 20e9  # bytes per second, of weights from memory to a GPU
REQUEST_TOKENS = 100  # of a request of a suite, whose prompts records do not hold


@dataclass(frozen=True)
class Stage:
    """A stage of measuring. disk_bytes: of temporary files."""

    title: str
    work: Work
    is_exact: bool = False  # in float32
    disk_bytes: int | None = None

    def minutes(self, gpu: Gpu, parameters: float) -> float:
        peak = gpu.float32 if self.is_exact else gpu.bfloat16
        return self.work.flop(parameters) / (peak * UTILISATION) / 60


@dataclass(frozen=True)
class Worker:
    """GPUs of one machine, of which one computes at a time, and what measuring takes on them."""

    number: int
    gpu: Gpu
    example: Example
    stages: Sequence[Stage]

    @property
    def beyond_bytes(self) -> float:
        """Weights in float32 that the GPUs' memory does not take."""
        return max(0.0, 4 * self.example.parameters - USABLE * self.number * self.gpu.memory_bytes)

    @property
    def moved_bytes(self) -> float:
        """What all forward passes in float32 move from the machine's memory."""
        return sum(stage.work.passes for stage in self.stages if stage.is_exact) * self.beyond_bytes

    def hours(self, all_exact: bool = False) -> float:
        """Count hours from the first byte read. all_exact: float32 for every stage."""
        loads = 2 * 2 * self.example.parameters / DISK  # in float32 and in the fast format
        seconds = loads + self.moved_bytes / BUS
        for stage in self.stages:
            chosen = replace(stage, is_exact=all_exact or stage.is_exact)
            seconds += 60 * chosen.minutes(self.gpu, self.example.parameters)
        return seconds / 3600


def render_large(render: Renderer, specs: Specs, current: Sequence[StoredResult]) -> Markup:
    """Estimate what measuring a model of 70 billion parameters takes, from counts."""
    example = Example()
    stages = list_stages(specs, [entry.result for entry in current], example)
    return render(
        "large.html",
        example=example,
        stages=stages,
        gpus=(A100, H100),
        workers=[Worker(number, gpu, example, stages) for number, gpu in WORKERS],
        assumed={
            "utilisation": UTILISATION,
            "usable": USABLE,
            "disk": DISK,
            "bus": BUS,
            "request": REQUEST_TOKENS,
        },
    )


def list_stages(specs: Specs, results: Sequence[Result], example: Example) -> list[Stage]:
    """List calibration, texts, pairs and suites; a text or suite without a record is left out."""
    windows = [c.protocol.window for c in specs.corpora.values()]
    exact, once = count_calibration(*max(windows, default=(1024, 512)))
    stages = [
        Stage("Calibration: causality and start modes", exact, is_exact=True),
        Stage("Calibration: number format", once),
    ]
    for name, corpus in specs.corpora.items():
        documents = [r.lossless.documents for r in results if r.name == name and r.lossless]
        if documents:
            sizes = max(([d.tokens for d in entry] for entry in documents), key=sum)
            work = count_windows(sizes, *corpus.protocol.window)
            stages.append(Stage(corpus.title, work, disk_bytes=_disk(corpus.protocol, example)))
    for pairs in specs.preferences.values():
        protocol = pairs.protocol
        sides = [protocol.longest_tokens] * (2 * protocol.pairs)
        work = count_windows(sides, protocol.longest_tokens, protocol.longest_tokens)
        stages.append(Stage(f"{pairs.title}, at most", work))
    for name, suite in specs.suites.items():
        requests = [_requests(r) for r in results if r.kind == "suite" and r.name == name]
        if most := max(requests, default=0):
            work = count_windows([REQUEST_TOKENS] * most, REQUEST_TOKENS, REQUEST_TOKENS)
            stages.append(Stage(f"{suite.title}: {most:,} requests", work))
    return stages


def _disk(protocol: Protocol, example: Example) -> int:
    assigned = protocol.bins * len(protocol.anchor_seeds)
    return state_bytes(example.layers + 1, example.width, protocol.positions, assigned)


def _requests(result: Result) -> int:
    """Count the log-likelihoods of a record."""
    leaves = [leaf for task in result.tasks or () for leaf in task.subtasks or (task,)]
    return sum(len(item.log_likelihoods) for leaf in leaves for item in leaf.responses)
