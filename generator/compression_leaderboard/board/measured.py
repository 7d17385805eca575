"""Measured cohorts: which records are comparable, the rows that they make, and training runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from compression_leaderboard.board.comparisons import TextBits, rank_ranges
from compression_leaderboard.board.derived import DerivedResult, documents_of, is_final, ranked_text
from compression_leaderboard.board.figures import Figure, Key, Quantity, Row
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Lossless, Result
from compression_leaderboard.repository.specs import Specs


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


def list_settings(specs: Specs, current: Sequence[DerivedResult]) -> list[Setting]:
    """List every combination of kind, window and suite that models of the kind have records of.

    Bits per byte under windows of other lengths are other figures, and a mean over another suite
    is another score: neither shares a column, a mean or a fit.
    """
    settings = []
    ranked = {name: corpus for name, corpus in specs.corpora.items() if corpus.ranked}
    for kind in ("base", "instruct"):
        final = [e.result for e in current if _is_final_of(e.result, specs, kind)]
        texts = {r.name for r in final if r.kind == "corpus"} & ranked.keys()
        if not final:
            continue
        windows: list[tuple[int, int] | None] = []
        windows += sorted({ranked[name].protocol.window for name in texts})
        suites: list[str | None] = []
        suites += sorted({r.name for r in final if r.kind == "suite"})
        for window, suite in product(windows or [None], suites or [None]):
            corpora = [c.name for c in ranked.values() if c.protocol.window == window]
            settings.append(Setting(kind, window, suite, tuple(sorted(corpora))))
    return settings


def _is_final_of(result: Result, specs: Specs, kind: str) -> bool:
    return is_final(result, specs) and specs.models[result.model].kind == kind


def measured_rows(specs: Specs, setting: Setting, current: Sequence[DerivedResult]) -> list[Row]:
    """Make a row for each model and number format, from the records of its final weights.

    Preference pairs have no window: their figures are in every row of the model.
    """
    corpora = {*setting.corpora, *specs.preferences}
    by_model: dict[str, list[DerivedResult]] = {}
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


def _row(model: Model, dtype: str | None, entries: Sequence[DerivedResult]) -> Row:
    results = [entry.result for entry in entries]
    figures: dict[Key, Figure] = {}
    for entry in entries:
        figures |= entry.figures
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
        scored_bytes=sum(d.bytes for text in lossless for d in text.documents) or None,
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


def make_trajectories(specs: Specs, current: Sequence[DerivedResult]) -> list[CheckpointFigure]:
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
                for figure in entry.figures.values()
                if figure.key.quantity in QUANTITIES
            ]
    return sorted(figures, key=_order)


def _order(row: CheckpointFigure) -> tuple[object, ...]:
    tokens = (row.tokens_seen is None, row.tokens_seen or 0)
    return row.model, row.name, row.quantity, *tokens, row.revision, str(row.dtype)


def tokens_seen(model: Model) -> dict[str, int | None]:
    """Training tokens by revision, for a model that has checkpoints; None where unknown."""
    if not model.checkpoints:
        return {}
    listed: dict[str, int | None] = {c.revision: c.tokens_seen for c in model.checkpoints}
    return {model.weights.revision: model.training_tokens} | listed
