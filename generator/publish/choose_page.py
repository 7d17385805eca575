"""The page Choose: the answer to the default wishes as tables; choose.js takes over from there."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from generator.choice.costs import FARTHEST
from generator.choice.options import NORMAL_95, Menu, Speed
from generator.choice.plain import answer_values, default_menu, default_wishes, menu_values
from generator.choice.words import amount
from generator.publish.text import UNKNOWN, counted, escape, number, table, valued
from generator.records.assumptions import Assumptions

Values = Mapping[str, Any]


def render_choose(
    menus: Sequence[Menu], speed: Speed | None, held: Assumptions, date: str = ""
) -> str:
    """The partial of the page. date: the board's, for the captions of choose.js."""
    usable = [menu for menu in menus if menu.criteria and menu.options]
    if not usable:
        return "<p>There is nothing to choose from yet: no model has figures.</p>"
    first = default_menu(usable)
    answer = answer_values(default_wishes(first), usable, speed, held)
    return (
        f'<div id="choose" data-source="../data/choose.json" data-base="../" '
        f'data-menu="{escape(first.name)}" data-date="{escape(date)}"><div id="choose-form">'
        "<noscript><p>Without JavaScript this page shows the answer to one question: all "
        "benchmarks alike, no limit. <code>leaderboard choose</code> answers others."
        "</p></noscript></div>"
        f'<p id="choose-speed"{"" if knows(answer["choices"], "seconds") else " hidden"}>'
        f"{escape(speed_sentence(speed))}</p>"
        f'<div id="choose-answer" aria-live="polite">{render_answer(answer, held, "../")}</div>'
        "</div>"
    )


def render_menus(menus: Sequence[Menu], speed: Speed | None, held: Assumptions) -> bytes:
    """docs/data/choose.json."""
    usable = [menu for menu in menus if menu.criteria and menu.options]
    values = menu_values(usable, speed, held)
    return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def speed_sentence(speed: Speed | None) -> str:
    """Where the hours come from, and how far they can be wrong."""
    if speed is None:
        return "No model's speed has been measured, so hours and money by the hour are not known."
    models = "1 model" if speed.models == 1 else f"{speed.models} models"
    error = "How far off that is, one model alone cannot tell."
    if speed.factor is not None:
        error = (
            f"They can be wrong by a factor of {amount(speed.factor)}: so far off is the worst of "
            "these models when it is told from the others."
        )
    return (
        f"Hours are estimates: the time that {models} took here ({speed.machine}) for compression "
        f"and hidden states together, scaled by the number of parameters. {error} Above "
        f"{amount(FARTHEST * speed.largest_parameters / 1e9)} billion parameters, "
        f"{FARTHEST:g} times the largest of them, no hours are given."
    )


def render_answer(answer: Values, held: Assumptions, base: str) -> str:
    """Tables and sentences of an answer. base: where the models' pages are, relative."""
    chosen = [choice for choice in answer["choices"] if choice["on_front"]]
    rest = [choice for choice in answer["choices"] if not choice["on_front"]]
    parts = [f'<p class="notice">{escape(problem)}</p>' for problem in answer["problems"]]
    if chosen:
        direction = "higher" if answer["higher_is_better"] else "lower"
        caption = (
            f"Worth choosing, {len(chosen)} of {counted(len(answer['choices']), 'model')}: no "
            f"other is as good for as little, {direction} is better; ± 95 % where it is known"
        )
        parts.append(choice_table("chosen", caption, chosen, answer, held, base))
    if answer["specifics"]:
        lines = "".join(f"<li>{escape(line)}</li>" for line in answer["specifics"])
        parts.append(f"<h2>Specifics</h2><ul>{lines}</ul>")
    for place, (model, rows) in enumerate(answer["sensitivity"].items()):
        name = next(c["name"] for c in answer["choices"] if c["model"] == model)
        parts.append(_sensitivity(f"sensitivity-{place}", name, rows, held))
    if rest:
        caption = f"Not chosen: {counted(len(rest), 'model')}"
        inside = choice_table("rest", caption, rest, answer, held, base)
        parts.append(
            f'<details class="choose-rest"><summary>The other {len(rest)}, and why not</summary>'
            f"{inside}</details>"
        )
    return "\n".join(parts)


def choice_table(
    name: str, caption: str, choices: Sequence[Values], answer: Values, held: Assumptions, base: str
) -> str:
    """Hours and money are columns only where one of these choices has them, as in choose.js."""
    percent = answer["unit"] == "fraction"
    quality = "Quality, %" if percent else f"Cost of text, {answer['unit']}"
    timed, priced = knows(choices, "seconds"), knows(choices, "money")
    header = [("Model", False), (quality, True), ("Memory, GB", True)]
    header += [("Hours a month", True)] * timed + [("Money a month", True)] * priced
    header += [("Evidence", False), ("Why", False)]
    rows = []
    for choice in choices:
        title = escape(choice["name"])
        rows.append(
            [
                f'<a href="{escape(base + choice["page"])}">{title}</a>' if base else title,
                valued(_quality(choice, percent), choice["quality"]),
                _amount(choice["memory_bytes"], 1e9),
                *[_amount(choice["seconds"], 3600)] * timed,
                *[_money(choice["money"], held)] * priced,
                escape(", ".join(choice["evidence"]) or UNKNOWN),
                escape(choice["reason"]),
            ]
        )
    return table(f"choose-{name}", caption, header, rows)


def knows(choices: Sequence[Values], cost: str) -> bool:
    """Whether this cost of any of the choices is known."""
    return any(choice[cost] is not None for choice in choices)


def _quality(choice: Values, percent: bool) -> str:
    times, digits = (100, 1) if percent else (1, 4)
    if choice["quality"] is None:
        return UNKNOWN
    shown = number(times * choice["quality"], digits)
    if choice["error"] is None:
        return shown
    return f"{shown} ± {number(times * NORMAL_95 * choice['error'], digits)}"


def _amount(value: float | None, unit: float) -> str:
    return UNKNOWN if value is None else valued(amount(value / unit), value / unit)


def _money(value: float | None, held: Assumptions) -> str:
    return UNKNOWN if value is None else valued(escape(held.currency) + amount(value), value)


def _sensitivity(name: str, model: str, rows: Sequence[Values], held: Assumptions) -> str:
    caption = (
        f"Money a month for {model} when one of {counted(len(rows), 'assumption')} is half and "
        "twice what it is"
    )
    header = [("Assumption", False), ("Low", True), ("High", True)]
    cells = [
        [escape(row["assumption"]), _money(row["low"], held), _money(row["high"], held)]
        for row in rows
    ]
    return table(name, caption, header, cells)
