"""The menu and the answer as plain values: what the page reads, and what `--json` prints."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from generator.choice.costs import BILLINGS, FARTHEST, PRECISIONS
from generator.choice.front import Choice, choose
from generator.choice.options import NORMAL_95, Menu, Speed
from generator.choice.specifics import ASSUMPTIONS, break_even, rent_or_buy, sensitivity
from generator.choice.wishes import Wishes
from generator.records.assumptions import Assumptions


def menu_values(menus: Sequence[Menu], speed: Speed | None, held: Assumptions) -> dict[str, Any]:
    """Everything that choose.js needs to answer any wish."""
    return {
        "assumptions": held.model_dump(),
        "meanings": {name: info.description for name, info in Assumptions.model_fields.items()},
        "varied": ASSUMPTIONS,
        "speed": None if speed is None else asdict(speed),
        "precisions": PRECISIONS,
        "billings": BILLINGS,
        "farthest": FARTHEST,
        "normal95": NORMAL_95,
        "menus": [_menu(menu) for menu in menus],
    }


def _menu(menu: Menu) -> dict[str, Any]:
    """As `asdict` makes it, which copies every value of thousands of options."""
    options = [
        {**vars(one), "figures": {name: vars(figure) for name, figure in one.figures.items()}}
        for one in menu.options
    ]
    return {**vars(menu), "criteria": [vars(one) for one in menu.criteria], "options": options}


def default_menu(menus: Sequence[Menu]) -> Menu:
    """The cohort with the largest model: there is most to choose between."""
    return max(menus, key=lambda menu: max(option.parameters or 0 for option in menu.options))


def default_wishes(menu: Menu) -> Wishes:
    """Every benchmark of a cohort alike; every text where there is no benchmark."""
    first = menu.criteria[0].unit
    return Wishes(menu.name, {c.name: 1.0 for c in menu.criteria if c.unit == first})


def answer_values(
    wishes: Wishes, menus: Sequence[Menu], speed: Speed | None, held: Assumptions
) -> dict[str, Any]:
    """The answer, with the specifics of the best and of the smallest model on the front."""
    answer = choose(wishes, menus, speed, held)
    values: dict[str, Any] = {
        "problems": list(answer.problems),
        "unit": answer.unit,
        "higher_is_better": answer.higher_is_better,
        "choices": [_choice(choice) for choice in answer.choices],
        "specifics": [],
        "sensitivity": {},
    }
    shortlist = _ends(answer.front)
    sentences = [rent_or_buy(choice.option, speed, held) for choice in shortlist]
    if len(shortlist) == 2:
        between = break_even(shortlist[0], shortlist[1], speed, wishes.billing, held)
        sentences.insert(0, between)
    values["specifics"] = [sentence for sentence in sentences if sentence is not None]
    for choice in shortlist:
        if rows := sensitivity(choice.option, speed, wishes.billing, held):
            values["sensitivity"][choice.option.id] = [asdict(row) for row in rows]
    return values


def _ends(front: Sequence[Choice]) -> list[Choice]:
    """The best, and the one with the least memory where that is another."""
    if not front:
        return []
    known = [choice for choice in front if choice.costs.memory_bytes is not None]
    smallest = min(known, key=lambda c: (c.costs.memory_bytes or 0, c.option.id), default=front[0])
    return [front[0]] if smallest is front[0] else [front[0], smallest]


def _choice(choice: Choice) -> dict[str, Any]:
    quality = choice.quality
    return {
        "model": choice.option.id,
        "name": choice.option.name,
        "page": choice.option.page,
        "quality": None if quality is None else quality.value,
        "error": None if quality is None else quality.error,
        "evidence": [] if quality is None else list(quality.evidence),
        **asdict(choice.costs),
        "fits": choice.fits,
        "on_front": choice.on_front,
        "ties": list(choice.ties),
        "reason": choice.reason,
    }
