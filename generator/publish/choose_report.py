"""The business summary: one page to print about a shortlist, the evidence of each figure marked."""

from collections.abc import Mapping, Sequence
from typing import Any

from generator.choice.options import Menu, Speed
from generator.choice.wishes import Wishes
from generator.choice.words import amount
from generator.publish.captions import date_captions
from generator.publish.choose_page import choice_table, knows, speed_sentence
from generator.publish.score_report import render_page
from generator.publish.text import counted, escape
from generator.records.assumptions import Assumptions

EVIDENCE = {
    "measured": "measured here: every figure leads to its record on the board",
    "published": "published by others, under their settings; not measured here",
    "predicted": "predicted from compression, with an interval; not measured anywhere",
}


def render_summary(
    answer: Mapping[str, Any],
    wishes: Wishes,
    menu: Menu,
    speed: Speed | None,
    held: Assumptions,
    style: str,
    date: str,
) -> bytes:
    """style: the site's style sheet. date: the board's, ISO.

    Raises ValueError where nothing was chosen.
    """
    chosen = [choice for choice in answer["choices"] if choice["on_front"]]
    if not chosen:
        raise ValueError("a summary needs a model that fits")
    timing = f"{speed_sentence(speed)} " if knows(chosen, "seconds") else ""
    models = f"{len(chosen)} of {counted(len(answer['choices']), 'model')}"
    parts = [
        f"<p>{escape(_question(wishes, menu, held))}</p>",
        choice_table("chosen", f"The shortlist: {models}", chosen, answer, held, ""),
        _listed(answer["specifics"]) if answer["specifics"] else "",
        "<h2>What the figures rest on</h2>",
        _listed([f"{name}: {EVIDENCE[name]}." for name in _classes(chosen)]),
        f"<p>{escape(timing)}Memory is the weights at {escape(wishes.precision)}, "
        "a cache and the program; the quality was measured at the precision of the record, and a "
        "coarser one may cost some of it. Models are compared inside one cohort: "
        f"{escape(menu.title)}.</p>",
    ]
    return render_page("Which model to choose", date_captions("\n".join(parts), date), style)


def _classes(chosen: Sequence[Mapping[str, Any]]) -> list[str]:
    held = {name for choice in chosen for name in choice["evidence"]}
    return [name for name in EVIDENCE if name in held]


def _question(wishes: Wishes, menu: Menu, held: Assumptions) -> str:
    labels = {criterion.name: criterion.label for criterion in menu.criteria}
    weights = [f"{labels[name]} ({w:g})" for name, w in wishes.weights.items() if w > 0]
    limits = [f"up to {amount(wishes.memory_bytes / 1e9)} GB"] if wishes.memory_bytes else []
    if wishes.largest_parameters:
        limits.append(f"up to {amount(wishes.largest_parameters / 1e9)} billion parameters")
    if wishes.money:
        limits.append(f"up to {held.currency}{amount(wishes.money)} a month")
    if wishes.licence:
        limits.append(f"licence {wishes.licence}")
    return (
        f"What matters, with weights: {', '.join(weights)}. Limits: {', '.join(limits) or 'none'}. "
        f"{amount(held.tokens_per_month / 1e6)} million tokens a month at "
        f"{held.currency}{held.hour_price:g} an hour or {held.currency}{held.token_price:g} a "
        "million tokens and billion parameters."
    )


def _listed(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
