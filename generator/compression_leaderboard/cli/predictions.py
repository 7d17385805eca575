"""The answers of `leaderboard predict`, and the predictions that it logs.

Apart from the command, so that no other command waits for the libraries of the fits.
"""

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from compression_leaderboard.board.cohorts import Cohort, make_cohorts
from compression_leaderboard.board.figures import PARAMETERS, TRAINING_FLOP, Key, benchmark_id
from compression_leaderboard.cli.app import valid_contents
from compression_leaderboard.cli.plan import refuse_unknown
from compression_leaderboard.fits.findings import BenchmarkStudy, Prediction
from compression_leaderboard.fits.intervals import LEVELS
from compression_leaderboard.fits.predict import ASKED, with_figures, without_scores
from compression_leaderboard.fits.study import study_cohort
from compression_leaderboard.records.base import Problem, UserError, problems_of
from compression_leaderboard.records.published import LoggedPrediction
from compression_leaderboard.repository.contents import LEDGER, append_ledger, read_ledger


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


Answer = tuple[Cohort, BenchmarkStudy, Prediction]


def find_answers(
    root: Path,
    model: str | None,
    cohort: str | None,
    compression: list[str],
    benchmark: str | None,
    logged: tuple[str | None, str | None] | None,
) -> list[Answer]:
    """Predictions of a model of a table, or from figures of compression, name=value each.

    logged: day and commit with which unknown scores go to the ledger. Raises UserError where the
    question is incomplete or nothing can be predicted.
    """
    contents = valid_contents(root)
    cohorts = make_cohorts(contents.specs, contents.stored, contents.published)
    refuse_unknown({"--cohort": ("cohort", cohort, [c.name for c in cohorts])})
    chosen = [c for c in cohorts if cohort in (None, c.name)]
    if logged is not None and model is None:
        repair = "name a model of a table with --model"
        raise UserError([Problem("--log", "", "no model to score later", repair)])
    scored = {(c.name, str(model), name) for c in chosen for name in _scored(c, model)}
    if model is not None:
        known = {row.model for c in chosen for row in c.rows}
        refuse_unknown({"--model": ("model", model, known)})
        chosen = [
            without_scores(c, model) for c in chosen if any(row.model == model for row in c.rows)
        ]
    elif cohort is None or not compression:
        repair = "name a model with --model, or a cohort with --cohort and --compression"
        raise UserError([Problem("predict", "", "nothing to predict from", repair)])
    else:
        chosen = [with_figures(chosen[0], _read_figures(chosen[0], compression))]
    wanted = model or ASKED
    answers, missing = _answers(chosen, wanted, benchmark)
    if not answers:
        raise UserError(missing)
    if logged is not None:
        count = log_predictions(root, [(c, p) for c, _, p in answers], scored, *logged)
        print(f"{count} logged in {LEDGER}", file=sys.stderr)
    return answers


def _scored(cohort: Cohort, model: str | None) -> list[str]:
    """Names of the benchmarks that the model has a score of."""
    keys = (cohort.mean_score, *(column.key for column in cohort.scores))
    rows = [row for row in cohort.rows if row.model == model]
    return [benchmark_id(key) for key in keys if any(key in row.figures for row in rows)]


def _read_figures(cohort: Cohort, texts: list[str]) -> dict[Key, float]:
    """Figures from name=value: a text of the cohort, parameters or training_flop.

    A text that is named like one of these two is written text:parameters=value.
    """
    known = {"parameters": PARAMETERS, "training_flop": TRAINING_FLOP}
    known |= {
        f"text:{column.name}" if column.name in known else column.name: column.key
        for column in cohort.compression
    }
    figures: dict[Key, float] = {}
    problems = []
    for text in texts:
        name, _, written = text.partition("=")
        try:
            value = float(written)
        except ValueError:
            repair = "write name=value"
            problems.append(Problem("--compression", name, f'"{written}" is not a number', repair))
            continue
        if name not in known:
            choice = f"choose from {', '.join(sorted(known))}"
            problems.append(Problem("--compression", name, "no such column", choice))
        elif not 0 < value < float("inf"):
            repair = "write a number above 0"
            problems.append(Problem("--compression", name, f"{written} is not possible", repair))
        else:
            figures[known[name]] = value
    if problems:
        raise UserError(problems)
    return figures


def _answers(
    cohorts: list[Cohort], model: str, benchmark: str | None
) -> tuple[list[Answer], list[Problem | str]]:
    """Predictions of the model in each cohort, and why there are none."""
    answers: list[Answer] = []
    missing: list[Problem | str] = []
    for cohort in cohorts:
        study = study_cohort(cohort, only=None if benchmark is None else [benchmark])
        keys = (cohort.mean_score, *(column.key for column in cohort.scores))
        names = [benchmark_id(key) for key in keys]
        if benchmark is not None and not study.benchmarks:
            missing.append(f'--benchmark: unknown "{benchmark}"; choose from {", ".join(names)}')
        for one in study.benchmarks:
            own = [p for p in one.predictions if p.model == model]
            answers += [(cohort, one, p) for p in own]
            if not own:
                needed = ", ".join(column.name for column in cohort.compression)
                reason = one.shortage or f"too few figures of the model are known: needs {needed}"
                missing.append(
                    Problem(cohort.name, one.benchmark.name, reason, "no prediction is made")
                )
    return answers, missing


def answer_row(cohort: Cohort, one: BenchmarkStudy, p: Prediction) -> dict[str, object]:
    """One answer with its training cohort and warnings, as JSON shows it."""
    assert one.fit is not None  # it predicted
    row: dict[str, object] = {
        "cohort": cohort.name,
        "model": p.model,
        "benchmark": p.benchmark,
        "prediction": p.value,
    }
    for level, (low, high) in zip(LEVELS, p.intervals, strict=True):
        name = f"{100 * level:.0f}"
        row |= {f"low{name}": low, f"high{name}": high}
        row[f"interval{name}"] = one.fit.errors.kind(level)
    return row | {
        "form": p.form,
        "predictors": p.predictors,
        "models": one.fit.chosen.rows,
        "groups": one.fit.chosen.groups,
        "extrapolation": p.extrapolation,
        "warnings": one.warnings(p),
    }


def in_words(cohort: Cohort, one: BenchmarkStudy, p: Prediction) -> list[str]:
    """The same in words; scores in per cent."""
    assert one.fit is not None  # it predicted
    ends = "; ".join(
        f"{100 * level:.0f} %: {100 * low:.1f} to {100 * high:.1f}, {one.fit.errors.kind(level)}"
        for level, (low, high) in zip(LEVELS, p.intervals, strict=True)
    )
    first = (
        f"{cohort.name} {p.benchmark}: {100 * p.value:.1f} % ({ends}); {p.form} in "
        f"{p.predictors}, {one.fit.chosen.rows} models of {one.fit.chosen.groups} groups"
    )
    return [first, *(f"  warning: {warning}" for warning in one.warnings(p))]
