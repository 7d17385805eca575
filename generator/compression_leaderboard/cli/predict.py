"""`leaderboard predict`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from compression_leaderboard.cli.app import (
    AsJson,
    Day,
    Root,
    app,
    day_option,
    print_json,
    read_named_numbers,
    read_valid,
    refuse_unknown,
)
from compression_leaderboard.records.base import Problem, UserError, problems_of
from compression_leaderboard.records.published import LoggedPrediction
from compression_leaderboard.repository.contents import LEDGER, append_ledger, read_contents
from compression_leaderboard.wording import counted

if TYPE_CHECKING:
    from compression_leaderboard.board.cohorts import Cohort
    from compression_leaderboard.fits.predict import Answer


@app.command()
def predict(
    root: Root = Path(),
    model: Annotated[str | None, typer.Option(help="The id of a model in a table.")] = None,
    cohort: Annotated[str | None, typer.Option(help="The set of models to learn from.")] = None,
    compression: Annotated[
        list[str] | None, typer.Option(help="NAME=NUMBER, a column of the cohort; repeatable.")
    ] = None,
    benchmark: Annotated[str | None, typer.Option(help="Only this benchmark.")] = None,
    as_json: AsJson = False,
    log: Annotated[
        bool, typer.Option("--log", help="Append unknown scores to the ledger of predictions.")
    ] = False,
    date: Annotated[Day, day_option("With --log: the day of the prediction.")] = None,
    commit: Annotated[
        str | None, typer.Option(help="With --log: the 40-hex commit predicted from.")
    ] = None,
) -> None:
    """Predict scores from compression, with 80 % and 95 % intervals.

    Example: `leaderboard predict --cohort huang-2024 --compression bpc_python=0.31`
    """
    from compression_leaderboard.board.cohorts import make_cohorts
    from compression_leaderboard.fits.predict import score_names

    contents = read_valid(read_contents, root)
    cohorts = make_cohorts(contents.specs, contents.stored, contents.published)
    refuse_unknown({"--cohort": ("cohort", cohort, [c.name for c in cohorts])})
    cohorts = [c for c in cohorts if cohort in (None, c.name)]
    if log and model is None:
        repair = "name a model of a table with --model"
        raise UserError([Problem("--log", "", "no model to score later", repair)])
    answers = _find_answers(cohorts, model, compression if cohort else None, benchmark)
    if log:
        known = {(c.name, str(model), n) for c in cohorts for n in score_names(c, model)}
        known |= {line.subject for line in contents.ledger}
        _log(root, [answer for answer in answers if answer.subject not in known], date, commit)
    if as_json:
        print_json([_as_row(answer) for answer in answers])
    else:
        print("\n".join(line for answer in answers for line in _in_words(answer)))


def _find_answers(
    cohorts: "Sequence[Cohort]",
    model: str | None,
    compression: Sequence[str] | None,
    benchmark: str | None,
) -> "list[Answer]":
    """Predict scores of a model, or from figures NAME=NUMBER in the first cohort.

    Raises UserError when the question is incomplete or nothing can be predicted.
    """
    from compression_leaderboard.fits import predict as fits

    if model is not None:
        refuse_unknown({"--model": ("model", model, {r.model for c in cohorts for r in c.rows})})
        holders = [c for c in cohorts if any(row.model == model for row in c.rows)]
        asked = [fits.without_scores(cohort, model) for cohort in holders]
    elif compression:
        keys = fits.figure_keys(cohorts[0])
        numbers = read_named_numbers("--compression", compression, sorted(keys))
        asked = [fits.with_figures(cohorts[0], {keys[n]: x for n, x in numbers.items()})]
    else:
        repair = "name a model with --model, or a cohort with --cohort and --compression"
        raise UserError([Problem("predict", "", "nothing to predict from", repair)])
    names = {name for cohort in asked for name in fits.score_names(cohort)}
    refuse_unknown({"--benchmark": ("benchmark", benchmark, names)})
    answers: list[Answer] = []
    problems = []
    for cohort in asked:
        predicted, shortages = fits.predict_model(cohort, model or fits.ASKED, benchmark)
        answers += predicted
        problems += [
            Problem(cohort.name, name, shortage, "no prediction is made")
            for name, shortage in shortages.items()
        ]
    if not answers:
        raise UserError(problems)
    return answers


def _log(root: Path, answers: "Sequence[Answer]", day: Day, commit: str | None) -> None:
    """Append answers to the ledger. answers: to questions without a score or an earlier line."""
    if day is None or commit is None:
        repair = "give the day with --date and the commit predicted from with --commit"
        raise UserError([Problem("--log", "", "no date or no commit", repair)])
    if not answers:
        repair = "a prediction is logged once, before its benchmark is run"
        raise UserError([Problem("--log", "", "every score is known or was logged", repair)])
    try:
        append_ledger(root, [answer.as_logged(day.date(), commit) for answer in answers])
    except ValidationError as error:
        raise UserError(problems_of(error, LEDGER, LoggedPrediction)) from None
    print(f"{counted(len(answers), 'prediction')} logged in {LEDGER}", file=sys.stderr)


def _as_row(answer: "Answer") -> dict[str, object]:
    """Lay out an answer with its training cohort and warnings for JSON."""
    from compression_leaderboard.fits.predict import ASKED_NAME

    p, fit = answer.prediction, answer.fit
    row: dict[str, object] = {
        "cohort": answer.cohort.name,
        "model": p.model or ASKED_NAME,
        "benchmark": p.benchmark,
        "prediction": p.value,
    }
    for level, low, high, kind in answer.intervals:
        row |= {f"low{level}": low, f"high{level}": high, f"interval{level}": kind}
    return row | {
        "form": p.form,
        "predictors": p.predictors,
        "models": fit.chosen.rows,
        "groups": fit.chosen.groups,
        "extrapolation": p.extrapolation,
        "warnings": answer.warnings,
    }


def _in_words(answer: "Answer") -> list[str]:
    """Lay out an answer in words, with scores in per cent."""
    p, chosen = answer.prediction, answer.fit.chosen
    ends = "; ".join(
        f"{level} %: {100 * low:.1f} to {100 * high:.1f}, {kind}"
        for level, low, high, kind in answer.intervals
    )
    evidence = f"{counted(chosen.rows, 'model')} of {counted(chosen.groups, 'group')}"
    first = (
        f"{answer.cohort.name} {p.benchmark}: {100 * p.value:.1f} % ({ends}); {p.form} in "
        f"{p.predictors}, {evidence}"
    )
    return [first, *(f"  warning: {warning}" for warning in answer.warnings)]
