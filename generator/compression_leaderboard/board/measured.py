"""Rows of measured models: which records may stand together, and what each row shows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from compression_leaderboard.board.derived import (
    bits_interval,
    main_score,
    mean_score,
    per_record,
    place_on_plane,
    preference_figure,
)
from compression_leaderboard.board.ranks import TextBits, rank_ranges
from compression_leaderboard.plan import latest_results, why_due
from compression_leaderboard.records.corpora import Corpus
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.preferences import PreferenceSet
from compression_leaderboard.records.results import Lossless, Result
from compression_leaderboard.records.suites import Suite
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

HEADLINE_ORDER = 1  # of the n-gram labels whose optimality stands in the leaderboard


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
    def name(self) -> str:
        window = "-".join(map(str, self.window)) if self.window else "no-text"
        return f"measured-{self.kind}-{window}-{self.suite or 'no-suite'}"


def current_results(specs: Specs, stored: Iterable[StoredResult]) -> list[StoredResult]:
    """The records that count, made under today's suite or protocol, in order of file.

    Proofs give no figures of their own and are left out.
    """
    latest = [e for e in latest_results(stored).values() if e.result.kind != "proof"]
    kept = [entry for entry in latest if is_current(entry.result, specs)]
    return sorted(kept, key=lambda entry: entry.file)


@per_record
def is_current(result: Result, specs: Specs) -> bool:
    """Whether the record was made under today's suite or protocol."""
    spec: Suite | Corpus | PreferenceSet | None = specs.suites.get(result.name)
    if result.kind != "suite":
        spec = specs.preferences.get(result.name) or specs.corpora.get(result.name)
    return spec is not None and why_due(result, spec) is None


def settings(specs: Specs, current: Sequence[StoredResult]) -> list[Setting]:
    """Every combination of kind, window and suite that models of the kind have records of.

    Bits per byte under windows of other lengths are other figures, and a mean over another suite
    is another score: neither shares a column, a mean or a fit.
    """
    found = []
    for kind in ("base", "instruct"):
        final = [e.result for e in current if _is_final(e.result, specs, kind)]
        windows: list[tuple[int, int] | None] = []
        texts = {r.name for r in final if r.kind == "corpus" and r.preference is None}
        windows += sorted({_window(specs, name) for name in texts})
        suites: list[str | None] = []
        suites += sorted({r.name for r in final if r.kind == "suite"})
        if final:
            pairs = product(windows or [None], suites or [None])
            found += [_setting(specs, kind, window, suite) for window, suite in pairs]
    return found


def _setting(specs: Specs, kind: str, window: tuple[int, int] | None, suite: str | None) -> Setting:
    corpora = tuple(name for name in sorted(specs.corpora) if _window(specs, name) == window)
    return Setting(kind, window, suite, corpora)


def _is_final(result: Result, specs: Specs, kind: str) -> bool:
    model = specs.models.get(result.model)
    return model is not None and model.kind == kind and result.revision == model.weights.revision


def _window(specs: Specs, corpus: str) -> tuple[int, int]:
    protocol = specs.corpora[corpus].protocol
    return protocol.window_tokens, protocol.stride_tokens


def measured_rows(
    specs: Specs, setting: Setting, current: Sequence[StoredResult]
) -> list[dict[str, object]]:
    """A row for each model and number format, from the records of its final weights.

    Preference pairs have no window: their figures stand in every row of the model.
    """
    corpora = {*setting.corpora, *specs.preferences}
    by_model: dict[str, list[Result]] = {}
    for entry in current:
        if _is_final(entry.result, specs, setting.kind):
            by_model.setdefault(entry.result.model, []).append(entry.result)
    rows = []
    scored: list[dict[str, Lossless]] = []  # of each row, by text
    for model in specs.models.values():
        if setting.corpora and not set(setting.corpora) & set(model.corpora):
            continue  # the model is scored under windows of another length
        wanted = [
            r
            for r in by_model.get(model.id, [])
            if (r.name == setting.suite if r.kind == "suite" else r.name in corpora)
        ]
        for dtype in sorted({r.environment.dtype for r in wanted}, key=str):
            same = [r for r in wanted if r.environment.dtype == dtype]
            rows.append(_row(model, dtype, same))
            scored.append({r.name: r.lossless for r in same if r.lossless and r.name in rows[-1]})
    _add_ranks(rows, scored)
    return rows


def _add_ranks(rows: Sequence[dict[str, object]], scored: Sequence[dict[str, Lossless]]) -> None:
    """Rank ranges of the rows that have every text of the table, on the same documents."""
    texts = sorted({name for held in scored for name in held})
    complete = [k for k, held in enumerate(scored) if texts and len(held) == len(texts)]
    if not complete:
        return
    first = [_documents(scored[complete[0]][name]) for name in texts]
    ranked = [k for k in complete if [_documents(scored[k][name]) for name in texts] == first]
    bits = [
        TextBits(
            np.array([[d.bits for d in scored[k][name].documents] for k in ranked]),
            np.array([size for _, size in documents], dtype=np.float64),
        )
        for name, documents in zip(texts, first, strict=True)
    ]
    for k, (best, worst) in zip(ranked, rank_ranges(bits), strict=True):
        rows[k]["rank_low"], rows[k]["rank_high"] = best, worst


def _documents(lossless: Lossless) -> list[tuple[str, int]]:
    return [(document.document, document.bytes) for document in lossless.documents]


def _row(model: Model, dtype: str | None, results: Sequence[Result]) -> dict[str, object]:
    row: dict[str, object] = {
        "model": model.id,
        "name": model.name,
        "family": model.family,
        "kind": model.kind,
        "parameters": model.parameters,
        "training_tokens": model.training_tokens,
        "quantization": model.weights.quantization,
        "released": model.released.isoformat(),
        "licence": model.licence,
        "dtype": dtype,
        "page": f"models/{model.id}/",
    }
    if model.training_tokens:
        row["training_flop"] = 6 * model.parameters * model.training_tokens
    row |= _run_figures(results)
    for result in results:
        if result.kind == "corpus":
            row |= corpus_figures(result)
        else:
            for task in result.tasks:
                name = task.task.task
                row[name], row[f"{name}_stderr"], _ = main_score(task)
            row["score"], row["score_stderr"] = mean_score(result.tasks)
    return row


def _run_figures(results: Sequence[Result]) -> dict[str, object]:
    """What measuring the row took, and when it was last done."""
    scored = [r.lossless for r in results if r.lossless is not None]
    return {
        "context_tokens": next((r.subject.context_tokens for r in results if r.subject), None),
        "scored_bytes": sum(d.bytes for lossless in scored for d in lossless.documents) or None,
        "wall_seconds": sum(r.environment.wall_seconds for r in results),
        "date": max(r.started for r in results).date().isoformat(),
    }


def corpus_figures(result: Result) -> dict[str, object]:
    """Figures of one text or set of pairs; no bits per byte where the text is not given back."""
    figures: dict[str, object] = {}
    name = result.name
    if result.lossless is not None and result.lossless.failing_bytes == 0:
        figures[name] = result.lossless.bits_per_byte
        if interval := bits_interval(result.lossless):
            figures[f"{name}_low"], figures[f"{name}_high"] = interval.low, interval.high
    if result.lossy and (plane := place_on_plane(result.lossy, HEADLINE_ORDER)):
        figures[f"{name}_complexity"] = plane.complexity.value
        figures[f"{name}_expressivity"] = plane.expressivity.value
        if plane.optimality is not None:
            figures[f"{name}_optimality"] = plane.optimality.value
            if interval := plane.optimality.interval:
                figures[f"{name}_optimality_low"] = interval.low
                figures[f"{name}_optimality_high"] = interval.high
    if result.preference:
        found = preference_figure(result.preference)
        figures[f"{name}_preference"] = found.value
        figures[f"{name}_preference_low"] = found.interval.low
        figures[f"{name}_preference_high"] = found.interval.high
        figures[f"{name}_preference_lexical"] = found.lexical
    return figures
