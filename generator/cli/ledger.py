"""Predictions written to the ledger, before their benchmarks are run."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from generator.files.ledger import LEDGER, append_ledger, read_ledger
from generator.fits.findings import Prediction
from generator.records.base import Problem, UserError, problems_of
from generator.records.predictions import LoggedPrediction
from generator.tables.cohorts import Cohort


def log_predictions(
    root: Path,
    answers: Sequence[tuple[Cohort, Prediction]],
    scored: set[tuple[str, str, str]],
    day: str | None,
    commit: str | None,
) -> int:
    """Appends the answers whose score is unknown and which were not logged; how many.

    scored: cohort, model and benchmark of every score that is known.
    """
    if day is None or commit is None:
        repair = "give the day with --date and the commit predicted from with --commit"
        raise UserError([Problem("--log", "", "no date or no commit", repair)])
    try:
        when = date.fromisoformat(day)
    except ValueError:
        raise UserError(
            [Problem("--date", "", f'"{day}" is not a date', "write YYYY-MM-DD")]
        ) from None
    past = {line.subject for line in read_ledger(root)[0]}
    fresh = [
        (cohort, p)
        for cohort, p in answers
        if (cohort.name, p.model, p.benchmark) not in scored | past
    ]
    if not fresh:
        repair = "a prediction is logged once, before its benchmark is run"
        raise UserError([Problem("--log", "", "every score is known or was logged", repair)])
    try:
        lines = [_line(cohort, p, when, commit) for cohort, p in fresh]
    except ValidationError as error:
        raise UserError(problems_of(error, LEDGER, LoggedPrediction)) from None
    append_ledger(root, lines)
    return len(lines)


def _line(cohort: Cohort, p: Prediction, when: date, commit: str) -> LoggedPrediction:
    (low80, high80), (low95, high95) = p.intervals
    return LoggedPrediction(
        date=when,
        commit=commit,
        cohort=cohort.name,
        model=p.model,
        benchmark=p.benchmark,
        prediction=p.value,
        low80=low80,
        high80=high80,
        low95=low95,
        high95=high95,
        form=p.form,
        predictors=p.predictors,
    )
