"""What the board predicts of the models that scored the user's text: from their records alone."""

from collections.abc import Sequence
from pathlib import Path

from generator.cli.score_run import Scorer
from generator.files.published import read_published
from generator.files.results import read_results
from generator.files.specs import Specs
from generator.fits.evidence import weigh_evidence
from generator.publish.score_report import Predicted
from generator.records.models import Model
from generator.tables.cohorts import Cohort, make_cohorts


def board_predictions(
    specs: Specs, root: Path, scorers: Sequence[Scorer]
) -> tuple[tuple[Predicted, ...], tuple[str, ...]]:
    """Predicted scores of each model, and a sentence for each that has none."""
    stored = read_results(root, "measured")[0]
    cohorts = make_cohorts(specs, stored, read_published(root)[0])
    silent = []
    for scorer in scorers:
        model = _on_board(specs, scorer)
        own = [] if model is None else [c for c in cohorts if _holds(c, model)]
        if not own:
            silent.append(f"{scorer.title} has no record on the board.")
        silent += [_why_not(scorer, cohort) for cohort in own]
    return (), tuple(silent)


def _on_board(specs: Specs, scorer: Scorer) -> Model | None:
    """The board's model of exactly these weights."""
    return next((m for m in specs.models.values() if m.weights.revision in scorer.identity), None)


def _holds(cohort: Cohort, model: Model) -> bool:
    return cohort.provenance == "measured" and model.id in set(cohort.rows["model"])


def _why_not(scorer: Scorer, cohort: Cohort) -> str:
    shortage = weigh_evidence(cohort).shortage
    return f"{scorer.title}, {cohort.title}: {shortage or 'see the page Predict'}."
