"""Figures over training: every measured checkpoint, the final weights included."""

from collections.abc import Iterable
from dataclasses import dataclass

from compression_leaderboard.board.current import current_results
from compression_leaderboard.board.figures import Figure, Quantity
from compression_leaderboard.board.measured import record_figures
from compression_leaderboard.records.models import Model
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

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


def make_trajectories(specs: Specs, stored: Iterable[StoredResult]) -> list[CheckpointFigure]:
    """List the figures of models that have checkpoints.

    In order of model, name, quantity and tokens seen, so that a curve stands in one piece.
    """
    found = []
    for entry in current_results(specs, stored):
        result = entry.result
        model = specs.models.get(result.model)
        seen = tokens_seen(model) if model else {}
        if result.revision in seen:
            found += [
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
    return sorted(found, key=_order)


def _order(one: CheckpointFigure) -> tuple[object, ...]:
    tokens = (one.tokens_seen is None, one.tokens_seen or 0)
    return one.model, one.name, one.quantity, *tokens, one.revision, str(one.dtype)


def tokens_seen(model: Model) -> dict[str, int | None]:
    """Training tokens by revision, for a model that has checkpoints; None where unknown."""
    if not model.checkpoints:
        return {}
    listed: dict[str, int | None] = {c.revision: c.tokens_seen for c in model.checkpoints}
    return {model.weights.revision: model.training_tokens} | listed
