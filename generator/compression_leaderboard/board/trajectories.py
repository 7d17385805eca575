"""Figures over training: every measured checkpoint, the final weights included."""

from collections.abc import Iterable

import pandas as pd

from compression_leaderboard.board.derived import mean_score
from compression_leaderboard.board.measured import corpus_figures, current_results
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

COLUMNS = ("model", "revision", "tokens_seen", "dtype", "name", "quantity", "value", "unit")


def make_trajectories(specs: Specs, stored: Iterable[StoredResult]) -> pd.DataFrame:
    """One row a checkpoint, text or suite, and quantity; models without checkpoints have none.

    In order of model, name, quantity and tokens seen, so that a curve stands in one piece.
    """
    rows: list[dict[str, object]] = []
    for entry in current_results(specs, stored):
        result = entry.result
        model = specs.models.get(result.model)
        seen = tokens_seen(model) if model else {}
        if result.revision not in seen:
            continue
        for quantity, (value, unit) in _figures(result).items():
            rows.append(
                {
                    "model": result.model,
                    "revision": result.revision,
                    "tokens_seen": seen[result.revision],
                    "dtype": result.environment.dtype,
                    "name": result.name,
                    "quantity": quantity,
                    "value": value,
                    "unit": unit,
                }
            )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    order = ["model", "name", "quantity", "tokens_seen", "revision", "dtype"]
    return frame.sort_values(order, ignore_index=True)


def tokens_seen(model: Model) -> dict[str, int | None]:
    """Training tokens by revision, for a model that has checkpoints; None where unknown."""
    if not model.checkpoints:
        return {}
    listed: dict[str, int | None] = {c.revision: c.tokens_seen for c in model.checkpoints}
    return {model.weights.revision: model.training_tokens} | listed


def _figures(result: Result) -> dict[str, tuple[object, str]]:
    if result.kind == "suite":
        return {"mean_score": (mean_score(result.tasks)[0], "fraction")}
    figures = corpus_figures(result)
    named = {
        "bits_per_byte": (figures.get(result.name), "bits/byte"),
        "complexity": (figures.get(f"{result.name}_complexity"), "ln(bins)"),
        "expressivity": (figures.get(f"{result.name}_expressivity"), "ln(bins)"),
        "optimality": (figures.get(f"{result.name}_optimality"), "ratio"),
        "preference_information": (figures.get(f"{result.name}_preference"), "ln(bins)"),
    }
    return {name: figure for name, figure in named.items() if figure[0] is not None}
