"""The page Choose."""

import json
from collections.abc import Sequence

from compression_leaderboard.choose.messages import MESSAGES, rounded
from compression_leaderboard.choose.options import (
    CONTEXT_TOKENS,
    PRECISIONS,
    RUNTIME_BYTES,
    CohortOptions,
    default_cohort,
)
from compression_leaderboard.choose.pareto import (
    LISTED_TIES,
    PRECISION,
    Answer,
    Choice,
    Request,
    choose,
)
from compression_leaderboard.intervals import normal_quantile
from compression_leaderboard.pages.text import UNKNOWN, counted, escape, number, table

CAPTIONS = {
    "front": (
        "Pareto front: {n} of {models}, as of {date}. "
        "{direction} is better; ± is the 95 % interval."
    ),
    "others": "{models} not on the Pareto front, as of {date}",
}


def render_choose(cohorts: Sequence[CohortOptions], date: str) -> str:
    """The partial of the page: the form and the answer to the default request.

    date: the board's, for the captions.
    """
    if not cohorts:
        return "<p>No model has figures yet.</p>"
    cohort = default_cohort(cohorts)
    answer = choose(cohort, Request(cohort.default_weights))
    return (
        f'<div id="choose" data-source="../data/choose.json" data-date="{escape(date)}">'
        f"{_form(cohorts, cohort)}<noscript><p>Without JavaScript this page shows one answer: all "
        f"benchmarks of {escape(cohort.title)} alike, without constraints. Run "
        "<code>leaderboard choose</code> for others.</p></noscript>"
        f'<div id="choose-answer" aria-live="polite">{_answer(answer, date)}</div></div>'
    )


def render_options(cohorts: Sequence[CohortOptions]) -> bytes:
    """docs/data/choose.json: all that choose.js needs to answer any request."""
    values = {
        "normal_95": normal_quantile(),
        "runtime_bytes": RUNTIME_BYTES,
        "listed_ties": LISTED_TIES,
        "messages": MESSAGES,
        "captions": CAPTIONS,
        "cohorts": cohorts,
    }
    compact = (",", ":")
    return json.dumps(
        values, default=vars, ensure_ascii=False, allow_nan=False, separators=compact
    ).encode()


def _form(cohorts: Sequence[CohortOptions], default: CohortOptions) -> str:
    """choose.js adds the weights of the cohort; values here are the defaults."""
    of_cohorts = [(cohort.name, cohort.title) for cohort in cohorts]
    constraints = (
        _input("Largest size, billion parameters", "parameters")
        + _input("Available memory, GB", "memory")
        + _input("Licence contains", "licence", kind="text")
        + _select("Precision of the weights", "precision", [(p, p) for p in PRECISIONS], PRECISION)
        + _input("Context, tokens", "context", f"{CONTEXT_TOKENS:g}")
    )
    cost = (
        _input("Price of one machine per hour", "price")
        + _input("Tokens per second of that machine", "throughput")
        + _input("Tokens per month", "tokens")
        + _input("Currency", "currency", kind="text")
    )
    return (
        '<form id="choose-form" class="choose-form needs-script" autocomplete="off">'
        + _select("Cohort: models with comparable figures", "cohort", of_cohorts, default.name)
        + _fold("Weights of benchmarks or texts", "", " data-weights")
        + _fold("Constraints", constraints)
        + _fold("Cost, from a price and a throughput that you know", cost)
        + "</form>"
    )


def _fold(summary: str, fields: str, marks: str = "") -> str:
    inside = f'<div class="choose-fields"{marks}>{fields}</div>'
    return f"<details><summary>{summary}</summary>{inside}</details>"


def _input(label: str, name: str, value: str = "", kind: str = "number") -> str:
    limits = ' step="any" min="0"' if kind == "number" else ""
    field = f'<input type="{kind}"{limits} name="{name}" value="{value}">'
    return f'<label class="choose-field"><span>{label}</span>{field}</label>'


def _select(label: str, name: str, choices: Sequence[tuple[str, str]], default: str) -> str:
    options = "".join(
        f'<option value="{escape(value)}"{" selected" if value == default else ""}>'
        f"{escape(shown)}</option>"
        for value, shown in choices
    )
    field = f'<select name="{name}">{options}</select>'
    return f'<label class="choose-field"><span>{label}</span>{field}</label>'


def _answer(answer: Answer, date: str) -> str:
    """A problem and the cost, hidden where there is none, and two tables; choose.js fills them."""
    others = [choice for choice in answer.choices if not choice.pareto_optimal]
    problem = "" if answer.problem else " hidden"
    return (
        f'<p class="notice" id="choose-problem"{problem}>{escape(answer.problem or "")}</p>'
        '<p class="notice" id="choose-cost" hidden></p>'
        + _section("front", answer.pareto_front, answer, date)
        + _section("others", others, answer, date)
    )


def _section(name: str, choices: Sequence[Choice], answer: Answer, date: str) -> str:
    models = answer.choices if name == "front" else choices
    caption = CAPTIONS[name].format(
        n=len(choices),
        models=counted(len(models), "model"),
        direction="Higher" if answer.higher_is_better else "Lower",
        date=date,
    )
    inside = _table(name, caption, choices, answer)
    if name == "others":
        summary = "<summary>Other models, with reasons</summary>"
        inside = f'<details class="choose-others">{summary}{inside}</details>'
    return f"<section{'' if choices else ' hidden'}>{inside}</section>"


def _table(name: str, caption: str, choices: Sequence[Choice], answer: Answer) -> str:
    percent = answer.unit == "fraction"
    times, digits = (100, 1) if percent else (1, 4)
    header = [
        ("Model", False),
        (f"Quality, {'%' if percent else answer.unit}", True),
        ("Memory, GB", True),
        ("Provenance", False),
        ("Reason", False),
    ]
    rows = []
    for choice in choices:
        quality = number(None if choice.quality is None else times * choice.quality, digits)
        if choice.stderr is not None:
            quality += f" ± {number(times * normal_quantile() * choice.stderr, digits)}"
        memory = UNKNOWN if choice.memory_bytes is None else rounded(choice.memory_bytes / 1e9)
        rows.append(
            [
                f'<a href="../{escape(choice.page)}">{escape(choice.name)}</a>',
                quality,
                memory,
                escape(", ".join(choice.provenance) or UNKNOWN),
                escape(choice.reason),
            ]
        )
    return table(f"choose-{name}", caption, header, rows)
