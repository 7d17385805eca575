"""What the board predicts of the models that scored the user's text: from their records alone."""

from collections.abc import Sequence
from pathlib import Path

from generator.cli.score_run import Scorer
from generator.files.published import read_published
from generator.files.results import read_results
from generator.files.specs import Specs
from generator.fits.findings import BenchmarkStudy, Prediction, Study
from generator.fits.intervals import LEVELS
from generator.fits.questions import without_scores
from generator.fits.study import study_cohort
from generator.publish.score_report import Predicted
from generator.records.models import Model
from generator.tables.cohorts import Cohort, make_cohorts


def board_predictions(
    specs: Specs, root: Path, scorers: Sequence[Scorer]
) -> tuple[tuple[Predicted, ...], tuple[str, ...]]:
    """Predicted scores of each model as if it had none, and a sentence for each without any."""
    stored = read_results(root, "measured")[0]
    cohorts = make_cohorts(specs, stored, read_published(root)[0])
    told: list[Predicted] = []
    silent = []
    for scorer in scorers:
        model = _on_board(specs, scorer)
        own = [] if model is None else [c for c in cohorts if _holds(c, model)]
        if model is None or not own:
            silent.append(f"{scorer.title} has no record on the board.")
            continue
        for cohort in own:
            study = study_cohort(without_scores(cohort, model.id))
            found = [
                _shown(scorer.title, one, p)
                for one in study.benchmarks
                for p in one.predictions
                if p.model == model.id
            ]
            told += found
            if not found:
                silent.append(f"{scorer.title}, {cohort.title}: {_why_not(study)}.")
    return tuple(told), tuple(silent)


def _on_board(specs: Specs, scorer: Scorer) -> Model | None:
    """The board's model of exactly these weights."""
    return next((m for m in specs.models.values() if m.weights.revision in scorer.identity), None)


def _holds(cohort: Cohort, model: Model) -> bool:
    return cohort.provenance == "measured" and model.id in set(cohort.rows["model"])


def _shown(title: str, one: BenchmarkStudy, p: Prediction) -> Predicted:
    low, high = p.intervals[LEVELS.index(0.8)]
    return Predicted(title, one.benchmark.label, p.value, low, high, "; ".join(one.warnings(p)))


def _why_not(study: Study) -> str:
    reasons = [one.shortage for one in study.benchmarks if one.shortage]
    return reasons[0] if reasons else "too few of its figures are known"
