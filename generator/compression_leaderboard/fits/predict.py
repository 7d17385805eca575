"""Predict missing scores of models, and answer questions to a cohort."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import hypot

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import (
    BITS_PER_BYTE,
    PARAMETERS,
    TRAINING_FLOP,
    Figure,
    Key,
    Row,
    benchmark_id,
    text_id,
)
from compression_leaderboard.fits.evaluation import Prediction
from compression_leaderboard.fits.intervals import LEVELS
from compression_leaderboard.fits.study import BenchmarkStudy, Evidence, Fit, study_cohort
from compression_leaderboard.records.published import LoggedPrediction

SCORES = ("score", "mean_score")
ASKED = ""  # model and family of the row that is asked about: no table leaves them empty
ASKED_NAME = "(asked)"


def without_scores(cohort: Cohort, model: str) -> Cohort:
    """Return the cohort as if the model had no score: it never helps to predict itself."""
    return replace(
        cohort,
        rows=tuple(
            replace(row, figures={k: f for k, f in row.figures.items() if k.quantity not in SCORES})
            if row.model == model
            else row
            for row in cohort.rows
        ),
    )


def figure_keys(cohort: Cohort) -> dict[str, Key]:
    """Return the figures that a question may give, by name: the cohort's texts, and sizes.

    A text that is named like a size is called text:parameters.
    """
    sizes = {key.id: key for key in (PARAMETERS, TRAINING_FLOP)}
    texts = {text_id(column.key): column.key for column in cohort.compression}
    return texts | sizes


def with_figures(cohort: Cohort, figures: Mapping[Key, float]) -> Cohort:
    """Return the cohort with one more row, ASKED, that has the figures.

    figures: the cohort's texts, and PARAMETERS and TRAINING_FLOP.
    """
    given = dict(figures)
    texts = [column.key for column in cohort.compression]
    if texts and all(key in given for key in texts):
        given[cohort.mean_compression] = sum(given[key] for key in texts) / len(texts)
    sizes = {key.quantity: given.pop(key, None) for key in (PARAMETERS, TRAINING_FLOP)}
    asked = Row(
        model=ASKED,
        name=ASKED_NAME,
        label=ASKED_NAME,
        family=ASKED,
        page="",
        date="",
        parameters=sizes["parameters"],
        training_flop=sizes["training_flop"],
        figures={
            key: Figure(key, value, cohort.unit or "", cohort.provenance, ASKED_NAME)
            for key, value in given.items()
        },
    )
    return replace(cohort, rows=(*cohort.rows, asked))


@dataclass(frozen=True)
class Answer:
    """A predicted score, with the cohort and the study behind it."""

    cohort: Cohort
    study: BenchmarkStudy
    prediction: Prediction

    @property
    def subject(self) -> tuple[str, str, str]:
        """Cohort, model and benchmark, as of a line of the ledger."""
        return self.cohort.name, self.prediction.model, self.prediction.benchmark

    @property
    def fit(self) -> Fit:
        assert self.study.fit is not None  # it predicted
        return self.study.fit

    @property
    def intervals(self) -> list[tuple[str, float, float, str]]:
        """Level in per cent, low, high, and the kind of interval."""
        ends = zip(LEVELS, self.prediction.intervals, strict=True)
        errors = self.fit.errors
        return [(f"{100 * level:.0f}", *pair, errors.kind(level)) for level, pair in ends]

    @property
    def warnings(self) -> list[str]:
        """What a reader of this prediction must know."""
        warnings = []
        if self.prediction.extrapolation:
            warnings.append("extrapolation: outside of what the fit was trained on")
        if self.study.benchmark.negative_control:
            warnings.append("negative control: compression is expected to tell little")
        if self.prediction.form == "mean":
            warnings.append("compression tells nothing here: this is the mean of the other models")
        return warnings

    def as_logged(self, day: date, commit: str) -> LoggedPrediction:
        """Return the answer as a line of the ledger. Raises ValidationError for a wrong commit."""
        cohort, model, benchmark = self.subject
        (low80, high80), (low95, high95) = self.prediction.intervals
        return LoggedPrediction(
            date=day,
            commit=commit,
            cohort=cohort,
            model=model,
            benchmark=benchmark,
            prediction=self.prediction.value,
            low80=low80,
            high80=high80,
            low95=low95,
            high95=high95,
            form=self.prediction.form,
            predictors=self.prediction.predictors,
        )


def predict_model(
    cohort: Cohort, model: str, benchmark: str | None = None
) -> tuple[list[Answer], dict[str, str]]:
    """Predict a model's missing scores; give the reason for each benchmark without a prediction."""
    study = study_cohort(cohort, only=None if benchmark is None else [benchmark])
    needed = ", ".join(text_id(column.key) for column in cohort.compression)
    answers, shortages = [], {}
    for part in study.benchmarks:
        predictions = [p for p in part.predictions if p.model == model]
        answers += [Answer(cohort, part, p) for p in predictions]
        if not predictions:
            reason = part.shortage or f"too few figures of the model are known: needs {needed}"
            shortages[part.benchmark.name] = reason
    return answers, shortages


def score_names(cohort: Cohort, model: str | None = None) -> list[str]:
    """Name the benchmarks of a cohort, or those with a score of the model."""
    rows = [row for row in cohort.rows if row.model == model]
    return [
        benchmark_id(key)
        for key in (cohort.mean_score, *(column.key for column in cohort.scores))
        if model is None or any(key in row.figures for row in rows)
    ]


@dataclass(frozen=True)
class Yardstick:
    """A fit of the mean score on average bits per byte, all as fractions of the score.

    slope: of the straight line, per bit per byte. rmse: of the chosen form on left-out groups.
    own_texts: whether it was fitted on the text in question, under its protocol; a fit on other
    texts shows only the size of the error.
    """

    cohort: str
    title: str
    slope: float
    rmse: float
    own_texts: bool

    def from_text(self, error: float) -> float:
        """Error of the prediction that a standard error of bits per byte brings."""
        return abs(self.slope) * error

    def in_all(self, error: float) -> float:
        """Root mean square error of a prediction from a text that is known so well."""
        return hypot(self.rmse, self.from_text(error))


def find_yardstick(
    corpus: str, cohorts: Sequence[Cohort], evidence: Mapping[str, Evidence]
) -> Yardstick | None:
    """Return that of a cohort with the text; else of the first other in bits per byte.

    Figures in other units are no yardstick, as they cannot be converted exactly.
    """
    yardsticks = []
    for cohort in cohorts:
        line = evidence[cohort.name].line
        mean = next(iter(evidence[cohort.name].study.benchmarks), None)
        validated = mean.validation("group") if mean else None
        units = {column.unit for column in cohort.compression}
        if line is None or validated is None or units != {BITS_PER_BYTE}:
            continue
        slope = (line.y[-1] - line.y[0]) / (line.x[-1] - line.x[0])
        has_text = corpus in {column.name for column in cohort.compression}
        rmse = validated.accuracy.rmse.value
        yardsticks.append(Yardstick(cohort.name, cohort.title, slope, rmse, has_text))
    return min(yardsticks, key=lambda yardstick: not yardstick.own_texts, default=None)
