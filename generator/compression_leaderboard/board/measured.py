"""Measured cohorts: which records may stand together, and the rows that they make."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from compression_leaderboard.board.comparisons import TextBits, rank_ranges
from compression_leaderboard.board.current import is_final, record_of
from compression_leaderboard.board.derived import (
    bits_interval,
    main_score,
    mean_score,
    place_on_plane,
    preference_figure,
)
from compression_leaderboard.board.figures import Figure, Key, Quantity, Row
from compression_leaderboard.intervals import normal_interval
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Lossless, Result, TaskResult
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

HEADLINE_ORDER = 1  # of the n-gram labels whose optimality stands in the leaderboard
INFORMATION = "ln(bins)"


@dataclass(frozen=True, order=True)
class Setting:
    """What the rows of a measured cohort have in common."""

    kind: str  # "base" or "instruct"
    window: tuple[int, int] | None  # length and stride in tokens; None: no text is measured yet
    suite: str | None  # None while no suite is measured
    corpora: tuple[str, ...]  # scored in such windows

    @property
    def context(self) -> str:
        return f"context {self.window[0]} tokens" if self.window else "no text yet"

    @property
    def protocol(self) -> str:
        return "/".join(map(str, self.window)) if self.window else ""

    @property
    def name(self) -> str:
        window = "-".join(map(str, self.window)) if self.window else "no-text"
        return f"measured-{self.kind}-{window}-{self.suite or 'no-suite'}"


def settings(specs: Specs, current: Sequence[StoredResult]) -> list[Setting]:
    """List every combination of kind, window and suite that models of the kind have records of.

    Bits per byte under windows of other lengths are other figures, and a mean over another suite
    is another score: neither shares a column, a mean or a fit.
    """
    found = []
    for kind in ("base", "instruct"):
        final = [e.result for e in current if _is_final_of(e.result, specs, kind)]
        windows: list[tuple[int, int] | None] = []
        texts = {r.name for r in final if r.kind == "corpus" and r.preference is None}
        windows += sorted({specs.corpora[name].protocol.window for name in texts})
        suites: list[str | None] = []
        suites += sorted({r.name for r in final if r.kind == "suite"})
        if final:
            pairs = product(windows or [None], suites or [None])
            found += [_setting(specs, kind, window, suite) for window, suite in pairs]
    return found


def _setting(specs: Specs, kind: str, window: tuple[int, int] | None, suite: str | None) -> Setting:
    corpora = tuple(
        name for name in sorted(specs.corpora) if specs.corpora[name].protocol.window == window
    )
    return Setting(kind, window, suite, corpora)


def _is_final_of(result: Result, specs: Specs, kind: str) -> bool:
    return is_final(result, specs) and specs.models[result.model].kind == kind


def record_figures(entry: StoredResult) -> dict[Key, Figure]:
    """Every figure of one record: of a text, of preference pairs, or of a suite's benchmarks.

    A text that the tokenizer does not give back has no compression.
    """
    result = entry.result
    figures = list(_suite_figures(entry) if result.kind == "suite" else _corpus_figures(entry))
    return {figure.key: figure for figure in figures}


def _corpus_figures(entry: StoredResult) -> Iterator[Figure]:
    result, lossless, lossy = entry.result, entry.result.lossless, entry.result.lossy
    protocol = ""
    if result.text is not None:
        windows = result.text.protocol
        protocol = f"{windows.window_tokens}/{windows.stride_tokens}"

    def key(quantity: Quantity) -> Key:
        return Key(quantity, result.name, protocol)

    if lossless is not None and lossless.failing_bytes == 0:
        yield Figure.of(
            key("compression"),
            lossless.bits_per_byte,
            "bits per byte",
            "measured",
            record_of(entry),
            interval=bits_interval(lossless),
            n=len(lossless.documents),
        )
    if lossy is not None and (plane := place_on_plane(lossy, HEADLINE_ORDER)):
        for quantity, unit in (
            ("complexity", INFORMATION),
            ("expressivity", INFORMATION),
            ("optimality", "ratio"),
        ):
            estimate = getattr(plane, quantity)
            if estimate is not None:
                yield Figure.of(
                    Key(quantity, result.name, protocol),  # type: ignore[arg-type]
                    estimate.value,
                    unit,
                    "measured",
                    record_of(entry),
                    interval=estimate.interval,
                    n=lossy.positions,
                )
    if result.preference is not None:
        found = preference_figure(result.preference)
        pairs = result.preference.pairs
        for of, value, interval in (
            ("preference", found.value, found.interval),
            ("lexical", found.lexical, found.lexical_interval),
        ):
            named = Key(of, result.name)  # type: ignore[arg-type]
            yield Figure.of(
                named, value, INFORMATION, "measured", record_of(entry), interval=interval, n=pairs
            )


def _suite_figures(entry: StoredResult) -> Iterator[Figure]:
    result = entry.result
    for task in result.tasks:
        yield score_figure(Key("score", task.task.task, result.name), task, record_of(entry))
    value, stderr = mean_score(result.tasks)
    yield Figure.of(
        Key("mean_score", "", result.name),
        value,
        "fraction",
        "measured",
        record_of(entry),
        interval=None if stderr is None else normal_interval(value, stderr),
        stderr=stderr,
        n=sum(main_score(task)[2] for task in result.tasks),
    )


def score_figure(key: Key, task: TaskResult, source: str) -> Figure:
    """The score of one task in the metric that its suite counts."""
    value, stderr, n = main_score(task)
    interval = None if stderr is None else normal_interval(value, stderr)
    return Figure.of(
        key, value, "fraction", "measured", source, interval=interval, stderr=stderr, n=n
    )


def measured_rows(specs: Specs, setting: Setting, current: Sequence[StoredResult]) -> list[Row]:
    """Make a row for each model and number format, from the records of its final weights.

    Preference pairs have no window: their figures stand in every row of the model.
    """
    corpora = {*setting.corpora, *specs.preferences}
    by_model: dict[str, list[StoredResult]] = {}
    for entry in current:
        if _is_final_of(entry.result, specs, setting.kind):
            by_model.setdefault(entry.result.model, []).append(entry)
    rows = []
    scored: list[dict[str, Lossless]] = []  # of each row, by text
    for model in specs.models.values():
        if setting.corpora and not set(setting.corpora) & set(model.corpora):
            continue  # the model is scored under windows of another length
        wanted = [
            e
            for e in by_model.get(model.id, [])
            if (
                e.result.name == setting.suite
                if e.result.kind == "suite"
                else e.result.name in corpora
            )
        ]
        for dtype in sorted({e.result.environment.dtype for e in wanted}, key=str):
            same = [e for e in wanted if e.result.environment.dtype == dtype]
            rows.append(_row(model, dtype, same, setting))
            scored.append(_ranked_texts(same))
    return _with_ranks(rows, scored)


def _ranked_texts(entries: Sequence[StoredResult]) -> dict[str, Lossless]:
    results = [entry.result for entry in entries]
    return {r.name: r.lossless for r in results if r.lossless and r.lossless.failing_bytes == 0}


def _with_ranks(rows: list[Row], scored: Sequence[dict[str, Lossless]]) -> list[Row]:
    """Rank the rows that have every text of the table, on the same documents."""
    texts = sorted({name for own in scored for name in own})
    complete = [k for k, own in enumerate(scored) if texts and len(own) == len(texts)]
    if not complete:
        return rows
    first = [_documents(scored[complete[0]][name]) for name in texts]
    ranked = [k for k in complete if [_documents(scored[k][name]) for name in texts] == first]
    bits = [
        TextBits(
            np.array([[d.bits for d in scored[k][name].documents] for k in ranked]),
            np.array([size for _, size in documents], dtype=np.float64),
        )
        for name, documents in zip(texts, first, strict=True)
    ]
    ranks = dict(zip(ranked, rank_ranges(bits), strict=True))
    return [replace(row, rank=ranks.get(k)) for k, row in enumerate(rows)]


def _documents(lossless: Lossless) -> list[tuple[str, int]]:
    return [(document.document, document.bytes) for document in lossless.documents]


def _row(model: Model, dtype: str | None, entries: Sequence[StoredResult], setting: Setting) -> Row:
    results = [entry.result for entry in entries]
    figures: dict[Key, Figure] = {}
    for entry in entries:
        figures |= record_figures(entry)
    lossless = [r.lossless for r in results if r.lossless is not None]
    tokens = model.training_tokens
    return Row(
        model=model.id,
        name=model.name,
        label=model.name,
        family=model.family,
        page=f"models/{model.id}/",
        date=max(r.started for r in results).date().isoformat(),
        kind=model.kind,
        quantization=model.weights.quantization,
        dtype=dtype,
        released=model.released.isoformat(),
        licence=model.licence,
        revision=model.weights.revision,
        parameters=model.parameters,
        training_tokens=tokens,
        training_flop=6.0 * model.parameters * tokens if tokens else None,
        context_tokens=next((r.subject.context_tokens for r in results if r.subject), None),
        scored_bytes=sum(d.bytes for one in lossless for d in one.documents) or None,
        wall_seconds=sum(r.environment.wall_seconds for r in results),
        figures=figures,
    )
