"""`leaderboard choose`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from generator.cli.app import AsJson, Root, app, valid_contents
from generator.cli.build import commit_of
from generator.files.results import write_atomically
from generator.records.assumptions import Assumptions
from generator.records.base import UserError, problems_of

ASSUME = "An assumption, such as hour_price=2; repeatable."


@app.command()
def choose(
    root: Root = Path(),
    cohort: Annotated[str | None, typer.Option(help="Else that of the largest model.")] = None,
    weight: Annotated[
        list[str] | None, typer.Option(help="Such as mmlu=2; repeatable; else all benchmarks.")
    ] = None,
    licence: Annotated[str, typer.Option(help="A part of the licence's name.")] = "",
    parameters: Annotated[float, typer.Option(help="Largest size, in billions.")] = 0,
    memory: Annotated[float, typer.Option(help="Memory that you have, in GB.")] = 0,
    money: Annotated[float, typer.Option(help="Money a month.")] = 0,
    precision: Annotated[str, typer.Option(help="float32, bfloat16, int8, int4.")] = "bfloat16",
    billing: Annotated[str, typer.Option(help="machine, second or token.")] = "machine",
    assume: Annotated[list[str] | None, typer.Option(help=ASSUME)] = None,
    report: Annotated[Path | None, typer.Option(help="Write a summary to print.")] = None,
    as_json: AsJson = False,
) -> None:
    """Models worth choosing: quality against memory, time and money, inside one cohort.

    Example: `leaderboard choose --memory 16 --precision int4`
    """
    from generator.choice.options import make_menus, measure_speed
    from generator.choice.plain import answer_values, default_menu, default_wishes
    from generator.choice.wishes import Wishes
    from generator.publish.choose_report import render_summary
    from generator.tables.cohorts import make_cohorts
    from generator.tables.measured import current_results

    contents = valid_contents(root)
    specs, stored = contents.specs, contents.stored
    current = [entry.result for entry in current_results(specs, stored)]
    made = make_menus(make_cohorts(specs, stored, contents.published), current)
    menus = [menu for menu in made if menu.criteria and menu.options]
    if not menus:
        raise UserError(["there is nothing to choose from; measure a model first"])
    held = _assumptions(specs.assumptions, assume or [])
    menu = next((one for one in menus if one.name == cohort), default_menu(menus))
    wishes = Wishes(
        menu=cohort or menu.name,
        weights=_numbers(weight, "--weight") if weight else default_wishes(menu).weights,
        licence=licence,
        largest_parameters=parameters * 1e9,
        memory_bytes=memory * 1e9,
        money=money,
        precision=precision,
        billing=billing,
    )
    speed = measure_speed(specs, stored)
    answer = answer_values(wishes, menus, speed, held)
    if as_json:
        print(json.dumps(answer, indent=1, ensure_ascii=False))
    if not any(choice["on_front"] for choice in answer["choices"]):
        raise UserError(answer["problems"])
    if report:
        sheet = root / "site" / "docs" / "assets" / "board.css"
        style = sheet.read_text("utf-8") if sheet.is_file() else ""
        day = commit_of(root).date[:10]
        write_atomically(report, render_summary(answer, wishes, menu, speed, held, style, day))
    if not as_json:
        print(_words(answer, menu.title, held))


def _numbers(given: Sequence[str], option: str) -> dict[str, float]:
    """name=number, each; every fault at once."""
    found, problems = {}, []
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            problems.append(f"{option} {text}: is not name=number; write such as mmlu=2")
    if problems:
        raise UserError(problems)
    return found


def _assumptions(held: Assumptions, given: Sequence[str]) -> Assumptions:
    """The board's assumptions with those given instead."""
    named = {text.partition("=")[0]: text for text in given}
    currency = named.pop("currency", "").partition("=")[2] or held.currency
    changes: dict[str, Any] = {**_numbers(list(named.values()), "--assume"), "currency": currency}
    try:
        return Assumptions(**(held.model_dump() | changes))
    except ValidationError as error:
        raise UserError(problems_of(error, "--assume", Assumptions)) from error


def _words(answer: Mapping[str, Any], title: str, held: Assumptions) -> str:
    from generator.choice.words import amount

    lines = [title, ""]
    times, unit = (100, " %") if answer["unit"] == "fraction" else (1, f" {answer['unit']}")
    for choice in answer["choices"]:
        if choice["on_front"]:
            memory, money = choice["memory_bytes"], choice["money"]
            facts = [f"{times * choice['quality']:.4g}{unit}"]
            facts += [f"{amount(memory / 1e9)} GB"] if memory is not None else []
            facts += [f"{held.currency}{amount(money)} a month"] if money is not None else []
            evidence = ", ".join(choice["evidence"])
            lines.append(f"{choice['name']}: {', '.join(facts)} ({evidence}). {choice['reason']}")
    others = sum(not choice["on_front"] for choice in answer["choices"])
    lines += ["", f"{others} others are not on the front; --json says why of each.", ""]
    return "\n".join([*lines, *answer["specifics"]])
