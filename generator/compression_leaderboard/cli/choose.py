"""`leaderboard choose`."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compression_leaderboard.cli.app import (
    AsJson,
    Root,
    align,
    app,
    print_json,
    read_valid,
    unknown_name,
)
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.repository.contents import read_contents

if TYPE_CHECKING:
    from compression_leaderboard.choose import Answer, CohortOptions


Number = float | None
WEIGHT = "NAME=NUMBER, a benchmark or text; repeatable. Default: all benchmarks alike."
PRICE = "Price of one machine per hour; needs --throughput."
THROUGHPUT = "Tokens per second of that machine; needs --price."
MONTH = "Also show the cost of so many tokens per month; needs --price."


@app.command()
def choose(
    root: Root = Path(),
    cohort: Annotated[
        str | None, typer.Option(help="Cohort. Default: the one with the largest model.")
    ] = None,
    weight: Annotated[list[str] | None, typer.Option(help=WEIGHT)] = None,
    licence: Annotated[str, typer.Option(help="Part of the licence's name.")] = "",
    parameters: Annotated[Number, typer.Option(help="Largest size, in billions.")] = None,
    memory: Annotated[Number, typer.Option(help="Available memory, in GB.")] = None,
    precision: Annotated[
        str, typer.Option(help="Of the weights: float32, bfloat16, int8 or int4.")
    ] = "bfloat16",
    context: Annotated[float, typer.Option(help="Length of the context, in tokens.")] = 2048,
    price: Annotated[Number, typer.Option(help=PRICE)] = None,
    throughput: Annotated[Number, typer.Option(help=THROUGHPUT)] = None,
    tokens_per_month: Annotated[Number, typer.Option(help=MONTH)] = None,
    currency: Annotated[str, typer.Option(help="Currency of the price, such as EUR.")] = "",
    as_json: AsJson = False,
) -> None:
    """Find the models on the Pareto front of quality against memory, within one cohort.

    Example: `leaderboard choose --memory 16 --precision int4`
    """
    from compression_leaderboard.choose import PRECISIONS, Request, cost_sentence, default_cohort
    from compression_leaderboard.choose import choose as answer_request

    by_name = _read_options(root)
    limits = {"--parameters": parameters, "--memory": memory, "--context": context}
    limits |= {"--price": price, "--throughput": throughput, "--tokens-per-month": tokens_per_month}
    problems = [*_not_positive(limits), *_half_a_price(price, throughput, tokens_per_month)]
    if precision not in PRECISIONS:
        problems.append(unknown_name("--precision", "precision", precision, PRECISIONS))
    if cohort is not None and cohort not in by_name:
        raise UserError([*problems, unknown_name("--cohort", "cohort", cohort, by_name)])
    chosen = default_cohort(list(by_name.values())) if cohort is None else by_name[cohort]
    weights = _weights(weight, chosen, problems)
    if problems:
        raise UserError(problems)
    request = Request(
        weights=weights,
        precision=precision,
        context_tokens=context,
        licence=licence,
        largest_parameters=None if parameters is None else parameters * 1e9,
        memory_bytes=None if memory is None else memory * 1e9,
    )
    answer = answer_request(chosen, request)
    cost = None
    if price is not None and throughput is not None:
        cost = cost_sentence(price, throughput, tokens_per_month, currency)
    if as_json:
        print_json({"cohort": chosen.name, **asdict(answer), "cost": cost})
    if answer.problem is not None:
        raise UserError([answer.problem])
    if not as_json:
        print("\n".join([chosen.title, "", *_lines(answer), *(["", cost] if cost else [])]))


def _read_options(root: Path) -> dict[str, "CohortOptions"]:
    """Read the options of every cohort, by its name."""
    from compression_leaderboard.board.cohorts import make_cohorts
    from compression_leaderboard.board.current import current_results
    from compression_leaderboard.choose import make_options

    contents = read_valid(read_contents, root)
    current = [entry.result for entry in current_results(contents.specs, contents.stored)]
    cohorts = make_cohorts(contents.specs, contents.stored, contents.published)
    by_name = {options.name: options for options in make_options(cohorts, current)}
    if not by_name:
        raise UserError(["no model has figures yet; run `leaderboard measure` first"])
    return by_name


def _weights(
    texts: Sequence[str] | None, cohort: "CohortOptions", problems: list[Problem | str]
) -> tuple[float, ...]:
    """Read the weight of each criterion, and append problems."""
    if not texts:
        return cohort.default_weights
    weights = {criterion.name: 0.0 for criterion in cohort.criteria}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            repair = "write NAME=NUMBER with a number of at least 0, such as mmlu=2"
            problems.append(Problem("--weight", text, "is not a weight", repair))
        elif name not in weights:
            problems.append(unknown_name("--weight", "benchmark or text", name, weights))
        else:
            weights[name] = value
    return tuple(weights.values())


def _not_positive(numbers: Mapping[str, float | None]) -> Iterator[Problem | str]:
    for option, number in numbers.items():
        if number is not None and not 0 < number < math.inf:
            yield f"{option}: {number:g} is not possible; use a number above 0"


def _half_a_price(
    price: float | None, throughput: float | None, tokens_per_month: float | None
) -> Iterator[str]:
    for option, value, needed, missing in (
        ("--price", price, "--throughput", throughput),
        ("--throughput", throughput, "--price", price),
        ("--tokens-per-month", tokens_per_month, "--price and --throughput", price),
    ):
        if value is not None and missing is None:
            yield f"{option}: has no meaning alone; add {needed}"


def _lines(answer: "Answer") -> list[str]:
    """Lay out a table: the Pareto front first, marked by an asterisk."""
    from compression_leaderboard.choose import rounded
    from compression_leaderboard.intervals import normal_quantile

    times, unit, digits = answer.scale
    rows = [("", "model", f"quality, {unit}", "GB", "source", "reason")]
    for choice in answer.choices:
        quality = "–" if choice.quality is None else f"{times * choice.quality:.{digits}f}"
        if choice.stderr is not None:
            quality += f" ± {times * normal_quantile() * choice.stderr:.{digits}f}"
        memory = "–" if choice.memory_bytes is None else rounded(choice.memory_bytes / 1e9)
        source = ", ".join(choice.provenance)
        mark = "*" if choice.pareto_optimal else ""
        rows.append((mark, choice.name, quality, memory, source, choice.reason))
    note = "* on the Pareto front of quality against memory; ± is the 95 % interval"
    return [*align(rows), "", note]
