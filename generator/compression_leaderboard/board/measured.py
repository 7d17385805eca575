"""Measured cohorts: which records are comparable, the rows that they make, and training runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from compression_leaderboard.board.comparisons import TextBits, rank_ranges
from compression_leaderboard.board.derived import (
    bits_interval,
    documents_of,
    is_final,
    main_score,
    mean_score,
    place_on_plane,
    preference_figure,
    ranked_text,
    record_of,
)
from compression_leaderboard.board.figures import Figure, Key, Quantity, Row, score_figure
from compression_leaderboard.intervals import Interval
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Lossless, Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

HEADLINE_ORDER = 1  # of the n-gram labels whose optimality is in the leaderboard
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


def list_settings(specs: Specs, current: Sequence[StoredResult]) -> list[Setting]:
    """List every combination of kind, window and suite that models of the kind have records of.

    Bits per byte under windows of other lengths are other figures, and a mean over another suite
    is another score: neither shares a column, a mean or a fit.
    """
    settings = []
    for kind in ("base", "instruct"):
        final = [e.result for e in current if _is_final_of(e.result, specs, kind)]
        texts = {r.name for r in final if r.kind == "corpus" and r.preference is None}
        if not final:
            continue
        windows: list[tuple[int, int] | None] = []
        windows += sorted({specs.corpora[name].protocol.window for name in texts})
        suites: list[str | None] = []
        suites += sorted({r.name for r in final if r.kind == "suite"})
        for window, suite in product(windows or [None], suites or [None]):
            corpora = [c.name for c in specs.corpora.values() if c.protocol.window == window]
            settings.append(Setting(kind, window, suite, tuple(sorted(corpora))))
    return settings


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
    result, lossy, record = entry.result, entry.result.lossy, record_of(entry)
    protocol = "/".join(map(str, result.text.protocol.window)) if result.text else ""

    def figure(
        quantity: Quantity, value: float, unit: str, interval: Interval | None, n: int
    ) -> Figure:
        key = Key(quantity, result.name, protocol)
        return Figure(key, value, unit, "measured", record, interval=interval, n=n)

    if (lossless := ranked_text(result)) is not None:
        interval, n = bits_interval(lossless), len(lossless.documents)
        yield figure("compression", lossless.bits_per_byte, "bits per byte", interval, n)
    if lossy is not None and (plane := place_on_plane(lossy, HEADLINE_ORDER)):
        n = lossy.positions
        read, follows = plane.complexity, plane.expressivity
        yield figure("complexity", read.value, INFORMATION, read.interval, n)
        yield figure("expressivity", follows.value, INFORMATION, follows.interval, n)
        if (ratio := plane.optimality) is not None:
            yield figure("optimality", ratio.value, "ratio", ratio.interval, n)
    if result.preference is not None:
        preferred, n = preference_figure(result.preference), result.preference.pairs
        yield figure("preference", preferred.value, INFORMATION, preferred.interval, n)
        yield figure("lexical", preferred.lexical, INFORMATION, preferred.lexical_interval, n)


def _suite_figures(entry: StoredResult) -> Iterator[Figure]:
    result, record = entry.result, record_of(entry)
    for task in result.tasks:
        value, stderr, n = main_score(task)
        key = Key("score", task.task.task, result.name)
        yield score_figure(key, value, stderr, "measured", record, n)
    mean, stderr = mean_score(result.tasks)
    items = sum(main_score(task)[2] for task in result.tasks)
    yield score_figure(Key("mean_score", "", result.name), mean, stderr, "measured", record, items)


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
            entry
            for entry in by_model.get(model.id, [])
            if entry.result.name in (corpora if entry.result.kind != "suite" else {setting.suite})
        ]
        for dtype in sorted({e.result.environment.dtype for e in wanted}, key=str):
            same = [e for e in wanted if e.result.environment.dtype == dtype]
            rows.append(_row(model, dtype, same))
            texts = {e.result.name: ranked_text(e.result) for e in same}
            scored.append({name: text for name, text in texts.items() if text})
    return _with_ranks(rows, scored)


def _with_ranks(rows: list[Row], scored: Sequence[dict[str, Lossless]]) -> list[Row]:
    """Rank the rows that have every text of the table, on the same documents."""
    names = sorted({name for texts in scored for name in texts})
    complete = [k for k, texts in enumerate(scored) if names and len(texts) == len(names)]
    if not complete:
        return rows
    documents = {k: [documents_of(scored[k][name]) for name in names] for k in complete}
    ranked = [k for k in complete if documents[k] == documents[complete[0]]]
    texts = [TextBits.of([scored[k][name] for k in ranked]) for name in names]
    ranks = dict(zip(ranked, rank_ranges(texts), strict=True))
    return [replace(row, rank=ranks.get(k)) for k, row in enumerate(rows)]


def _row(model: Model, dtype: str | None, entries: Sequence[StoredResult]) -> Row:
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


# The quantities of a trajectory, with their names in trajectories.csv.
QUANTITIES: dict[Quantity, str] = {
    "compression": "bits_per_byte",
    "complexity": "complexity",
    "expressivity": "expressivity",
    "optimality": "optimality",
    "preference": "preference_information",
    "mean_score": "mean_score",
}


@dataclass(frozen=True, slots=True)
class CheckpointFigure:
    """One figure of one checkpoint."""

    model: str
    revision: str
    tokens_seen: int | None
    dtype: str | None
    name: str  # of the text, the pairs or the suite
    figure: Figure

    @property
    def quantity(self) -> str:
        return QUANTITIES[self.figure.key.quantity]

    @property
    def unit(self) -> str:
        """The unit as in the other tables."""
        return self.figure.unit.replace("bits per byte", "bits/byte")


def make_trajectories(specs: Specs, current: Sequence[StoredResult]) -> list[CheckpointFigure]:
    """List the figures of models that have checkpoints.

    Sorted by model, name, quantity and tokens seen, so that each curve is contiguous.
    """
    figures = []
    for entry in current:
        result = entry.result
        model = specs.models.get(result.model)
        seen = tokens_seen(model) if model else {}
        if result.revision in seen:
            figures += [
                CheckpointFigure(
                    model=result.model,
                    revision=result.revision,
                    tokens_seen=seen[result.revision],
                    dtype=result.environment.dtype,
                    name=result.name,
                    figure=figure,
                )
                for figure in record_figures(entry).values()
                if figure.key.quantity in QUANTITIES
            ]
    return sorted(figures, key=_order)


def _order(one: CheckpointFigure) -> tuple[object, ...]:
    tokens = (one.tokens_seen is None, one.tokens_seen or 0)
    return one.model, one.name, one.quantity, *tokens, one.revision, str(one.dtype)


def tokens_seen(model: Model) -> dict[str, int | None]:
    """Training tokens by revision, for a model that has checkpoints; None where unknown."""
    if not model.checkpoints:
        return {}
    listed: dict[str, int | None] = {c.revision: c.tokens_seen for c in model.checkpoints}
    return {model.weights.revision: model.training_tokens} | listed
