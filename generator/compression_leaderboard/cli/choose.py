"""`leaderboard choose`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from compression_leaderboard.cli.app import (
    AsJson,
    Number,
    Root,
    align,
    app,
    positive,
    print_json,
    read_named_numbers,
    read_valid,
    refuse_unknown,
)
from compression_leaderboard.records.base import UserError
from compression_leaderboard.repository.contents import read_contents

if TYPE_CHECKING:
    from compression_leaderboard.choose import Answer, CohortOptions

Precision = Literal["float32", "bfloat16", "int8", "int4"]


@app.command()
def choose(
    root: Root = Path(),
    cohort: Annotated[
        str | None, typer.Option(help="Cohort. Default: the one with the largest model.")
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(help="NAME=NUMBER, a benchmark or text; repeatable. Default: all alike."),
    ] = None,
    licence: Annotated[str, typer.Option(help="Part of the licence's name.")] = "",
    parameters: Annotated[Number, positive("Largest size, in billions of parameters.")] = None,
    memory: Annotated[Number, positive("Available memory, in GB.")] = None,
    precision: Annotated[
        Precision, typer.Option(help="Number format of the weights.")
    ] = "bfloat16",
    context: Annotated[float, positive("Length of the context, in tokens.")] = 2048,
    price: Annotated[Number, positive("Price per machine-hour; needs --throughput.")] = None,
    throughput: Annotated[
        Number, positive("Speed of that machine, in tokens per second; needs --price.")
    ] = None,
    tokens_per_month: Annotated[
        Number, positive("Also show the monthly cost of this many tokens; needs --price.")
    ] = None,
    currency: Annotated[str, typer.Option(help="Currency of the price, such as EUR.")] = "",
    as_json: AsJson = False,
) -> None:
    """Find the models on the Pareto front of quality against memory, within one cohort.

    Example: `leaderboard choose --memory 16 --precision int4`
    """
    from compression_leaderboard.choose import Request, default_cohort
    from compression_leaderboard.choose import choose as answer_request

    by_name = _read_options(root)
    refuse_unknown({"--cohort": ("cohort", cohort, by_name)})
    chosen = by_name[cohort] if cohort else default_cohort(list(by_name.values()))
    weights = chosen.default_weights
    if weight:
        names = [criterion.name for criterion in chosen.criteria]
        given = read_named_numbers("--weight", weight, names, allow_zero=True)
        weights = tuple(given.get(name, 0.0) for name in names)
    cost = _cost(price, throughput, tokens_per_month, currency)
    request = Request(
        weights=weights,
        precision=precision,
        context_tokens=context,
        licence=licence,
        largest_parameters=parameters and parameters * 1e9,
        memory_bytes=memory and memory * 1e9,
    )
    answer = answer_request(chosen, request)
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


def _cost(
    price: float | None, throughput: float | None, tokens_per_month: float | None, currency: str
) -> str | None:
    """Describe the cost in words, if a price is given."""
    from compression_leaderboard.choose import cost_sentence

    if price is not None and throughput is not None:
        return cost_sentence(price, throughput, tokens_per_month, currency)
    if price is throughput is tokens_per_month is None:
        return None
    raise UserError(["a cost needs a price and a speed; use --price together with --throughput"])


def _lines(answer: "Answer") -> list[str]:
    """Lay out a table with the Pareto front first, marked by an asterisk."""
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
