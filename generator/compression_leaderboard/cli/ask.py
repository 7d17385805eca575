"""`leaderboard predict` and `leaderboard choose`: questions that the board answers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from compression_leaderboard.cli.app import (
    AsJson,
    Day,
    Number,
    Root,
    Text,
    Texts,
    align,
    app,
    day_option,
    parse_named_numbers,
    positive,
    print_answer,
    print_json,
    refusal,
    refuse_unknown,
)
from compression_leaderboard.wording import counted

if TYPE_CHECKING:
    from compression_leaderboard import choose as pareto
    from compression_leaderboard.board.cohorts import Cohort
    from compression_leaderboard.fits.predict import Answer


@app.command()
def predict(
    root: Root = Path(),
    model: Annotated[Text, typer.Option(help="The id of a model in a table.")] = None,
    cohort: Annotated[Text, typer.Option(help="The set of models to learn from.")] = None,
    compression: Annotated[Texts, typer.Option(help="COLUMN=NUMBER; repeatable.")] = None,
    benchmark: Annotated[Text, typer.Option(help="Only this benchmark.")] = None,
    as_json: AsJson = False,
    log: Annotated[bool, typer.Option("--log", help="Add unknown scores to the ledger.")] = False,
    date: Annotated[Day, day_option("With --log: the day of the prediction.")] = None,
    commit: Annotated[Text, typer.Option(help="With --log: 40-hex commit of the records.")] = None,
) -> None:
    """Predict scores from compression, with 80 % and 95 % intervals.

    Example: `leaderboard predict --cohort huang-2024 --compression bpc_python=0.31`
    """
    from compression_leaderboard.board.cohorts import make_cohorts
    from compression_leaderboard.cli.reading import read_board
    from compression_leaderboard.fits.predict import score_names

    contents = read_board(root)
    cohorts = make_cohorts(contents.specs, contents.stored, contents.published)
    refuse_unknown({"--cohort": ("cohort", cohort, [c.name for c in cohorts])})
    cohorts = [c for c in cohorts if cohort in (None, c.name)]
    if model is not None and compression:
        raise refusal("--compression", "is given beside --model", "leave out one of the two")
    if log and model is None:
        raise refusal("--log", "no model to score later", "name a model of a table with --model")
    answers = _find_answers(cohorts, model, compression if cohort else None, benchmark)
    if log:
        known = {(c.name, str(model), n) for c in cohorts for n in score_names(c, model)}
        known |= {line.subject for line in contents.ledger}
        _log(root, [answer for answer in answers if answer.subject not in known], date, commit)
    lines = [line for answer in answers for line in _in_words(answer)]
    print_answer(as_json, [_as_row(answer) for answer in answers], lines)


def _find_answers(
    cohorts: Sequence[Cohort],
    model: str | None,
    compression: Sequence[str] | None,
    benchmark: str | None,
) -> list[Answer]:
    """Predict scores of a model, or from figures NAME=NUMBER in the first cohort.

    Raises UserError when the question is incomplete or nothing can be predicted.
    """
    from compression_leaderboard.fits import predict as fits
    from compression_leaderboard.records.base import Problem, UserError

    if model is not None:
        refuse_unknown({"--model": ("model", model, {r.model for c in cohorts for r in c.rows})})
        holders = [c for c in cohorts if any(row.model == model for row in c.rows)]
        asked = [fits.without_scores(cohort, model) for cohort in holders]
    elif compression:
        keys = fits.figure_keys(cohorts[0])
        numbers = parse_named_numbers("--compression", compression, sorted(keys))
        asked = [fits.with_figures(cohorts[0], {keys[n]: x for n, x in numbers.items()})]
    else:
        repair = "name a model with --model, or a cohort with --cohort and --compression"
        raise refusal("predict", "nothing to predict from", repair)
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


def _log(root: Path, answers: Sequence[Answer], day: Day, commit: str | None) -> None:
    """Append answers to the ledger. answers: to questions without a score or an earlier line."""
    from pydantic import ValidationError

    from compression_leaderboard.records.base import UserError, problems_of
    from compression_leaderboard.records.published import LoggedPrediction
    from compression_leaderboard.repository.contents import LEDGER, append_ledger

    if day is None or commit is None:
        repair = "give the day with --date and the commit predicted from with --commit"
        raise refusal("--log", "no date or no commit", repair)
    if not answers:
        repair = "a prediction is logged once, before its benchmark is run"
        raise refusal("--log", "every score is known or was logged", repair)
    try:
        append_ledger(root, [answer.as_logged(day.date(), commit) for answer in answers])
    except ValidationError as error:
        raise UserError(problems_of(error, LEDGER, LoggedPrediction)) from None
    print(f"{counted(len(answers), 'prediction')} logged in {LEDGER}", file=sys.stderr)


def _as_row(answer: Answer) -> dict[str, object]:
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


def _in_words(answer: Answer) -> list[str]:
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


Precision = Literal["float32", "bfloat16", "int8", "int4"]


@app.command()
def choose(
    root: Root = Path(),
    cohort: Annotated[Text, typer.Option(help="Default: the cohort of the largest model.")] = None,
    weight: Annotated[
        Texts, typer.Option(help="BENCHMARK=NUMBER or TEXT=NUMBER; repeatable. Default: all alike.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Part of the licence's name.")] = "",
    parameters: Annotated[Number, positive("Largest size, in billions of parameters.")] = None,
    memory: Annotated[Number, positive("Available memory, in GB.")] = None,
    precision: Annotated[Precision, typer.Option(help="Format of the weights.")] = "bfloat16",
    context: Annotated[float, positive("Length of the context, in tokens.")] = 2048,
    price: Annotated[Number, positive("Price per machine-hour; needs --throughput.")] = None,
    throughput: Annotated[Number, positive("Tokens per second; needs --price.")] = None,
    tokens_per_month: Annotated[Number, positive("Tokens per month, for their cost.")] = None,
    currency: Annotated[str, typer.Option(help="Currency of the price, such as EUR.")] = "",
    as_json: AsJson = False,
) -> None:
    """Find the models on the Pareto front of quality against memory, within one cohort.

    Example: `leaderboard choose --memory 16 --precision int4`
    """
    from compression_leaderboard import choose as pareto
    from compression_leaderboard.records.base import UserError

    by_name = _read_options(root)
    refuse_unknown({"--cohort": ("cohort", cohort, by_name)})
    chosen = by_name[cohort] if cohort else pareto.default_cohort(list(by_name.values()))
    weights = chosen.default_weights
    if weight:
        names = [criterion.name for criterion in chosen.criteria]
        given = parse_named_numbers("--weight", weight, names, allow_zero=True)
        weights = tuple(given.get(name, 0.0) for name in names)
    cost = _cost(price, throughput, tokens_per_month, currency)
    request = pareto.Request(
        weights=weights,
        precision=precision,
        context_tokens=context,
        licence=licence,
        largest_parameters=parameters and parameters * 1e9,
        memory_bytes=memory and memory * 1e9,
    )
    answer = pareto.choose(chosen, request)
    if as_json:
        print_json({"cohort": chosen.name, **asdict(answer), "cost": cost})
    if answer.problem is not None:
        raise UserError([answer.problem])
    if not as_json:
        print("\n".join([chosen.title, "", *_lines(answer), *(["", cost] if cost else [])]))


def _read_options(root: Path) -> dict[str, pareto.CohortOptions]:
    """Read the options of every cohort, by its name."""
    from compression_leaderboard import choose as pareto
    from compression_leaderboard.board.cohorts import make_cohorts
    from compression_leaderboard.board.derived import current_results
    from compression_leaderboard.cli.reading import read_board
    from compression_leaderboard.records.base import UserError

    contents = read_board(root)
    current = [entry.result for entry in current_results(contents.specs, contents.stored)]
    cohorts = make_cohorts(contents.specs, contents.stored, contents.published)
    by_name = {options.name: options for options in pareto.make_options(cohorts, current)}
    if not by_name:
        raise UserError(["no model has figures yet; run `leaderboard measure` first"])
    return by_name


def _cost(
    price: float | None, throughput: float | None, tokens_per_month: float | None, currency: str
) -> str | None:
    """Describe the cost in words, if a price is given."""
    from compression_leaderboard import choose as pareto
    from compression_leaderboard.records.base import UserError

    if price is not None and throughput is not None:
        return pareto.cost_sentence(price, throughput, tokens_per_month, currency)
    if price is throughput is tokens_per_month is None:
        return None
    raise UserError(["a cost needs a price and a speed; use --price together with --throughput"])


def _lines(answer: pareto.Answer) -> list[str]:
    """Lay out a table with the Pareto front first, marked by an asterisk."""
    from compression_leaderboard import choose as pareto
    from compression_leaderboard.intervals import normal_quantile

    times, unit, digits = answer.scale
    rows = [("", "model", f"quality, {unit}", "GB", "source", "reason")]
    for choice in answer.choices:
        quality = "–" if choice.quality is None else f"{times * choice.quality:.{digits}f}"
        if choice.stderr is not None:
            quality += f" ± {times * normal_quantile() * choice.stderr:.{digits}f}"
        memory = "–" if choice.memory_bytes is None else pareto.rounded(choice.memory_bytes / 1e9)
        source = ", ".join(choice.provenance)
        mark = "*" if choice.pareto_optimal else ""
        rows.append((mark, choice.name, quality, memory, source, choice.reason))
    note = "* on the Pareto front of quality against memory; ± is the 95 % interval"
    return [*align(rows), "", note]
