"""The page Choose."""

import json
from collections.abc import Sequence

from markupsafe import Markup

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
from compression_leaderboard.pages.rendering import Cell, Renderer, Table, headings
from compression_leaderboard.pages.text import UNKNOWN, counted, dated, number

CAPTIONS = {
    "front": "Pareto front: {n} of {models}. {direction} is better; ± is the 95 % interval.",
    "others": "{models} not on the Pareto front",
}


def render_choose(render: Renderer, cohorts: Sequence[CohortOptions]) -> Markup:
    """Show the form and the answer to the default request; choose.js answers any other."""
    if not cohorts:
        return render("choose.html", cohorts=())
    cohort = default_cohort(cohorts)
    answer = choose(cohort, Request(cohort.default_weights))
    others = [choice for choice in answer.choices if not choice.pareto_optimal]
    return render(
        "choose.html",
        cohorts=[(option.name, option.title) for option in cohorts],
        default=cohort,
        precisions=[(precision, precision) for precision in PRECISIONS],
        precision=PRECISION,
        context_tokens=f"{CONTEXT_TOKENS:g}",
        problem=answer.problem or "",
        front=_table("front", answer.pareto_front, answer),
        others=_table("others", others, answer),
    )


def render_options(cohorts: Sequence[CohortOptions]) -> bytes:
    """docs/data/choose.json: all that choose.js needs to answer any request."""
    values = {
        "normal_95": normal_quantile(),
        "runtime_bytes": RUNTIME_BYTES,
        "listed_ties": LISTED_TIES,
        "messages": MESSAGES,
        "captions": {name: dated(caption, "{date}") for name, caption in CAPTIONS.items()},
        "cohorts": cohorts,
    }
    compact = (",", ":")
    return json.dumps(
        values, default=vars, ensure_ascii=False, allow_nan=False, separators=compact
    ).encode()


def _table(name: str, choices: Sequence[Choice], answer: Answer) -> Table:
    in_percent = answer.unit == "fraction"
    times, digits = (100, 1) if in_percent else (1, 4)
    quality = f"Quality, {'%' if in_percent else answer.unit}"
    rows: list[list[Cell | str]] = []
    for choice in choices:
        shown = number(None if choice.quality is None else times * choice.quality, digits)
        if choice.stderr is not None:
            shown += f" ± {number(times * normal_quantile() * choice.stderr, digits)}"
        memory = UNKNOWN if choice.memory_bytes is None else rounded(choice.memory_bytes / 1e9)
        provenance = ", ".join(choice.provenance) or UNKNOWN
        model = Cell(choice.name, href=choice.page)
        rows.append([model, shown, memory, provenance, choice.reason])
    caption = CAPTIONS[name].format(
        n=len(choices),
        models=counted(len(answer.choices if name == "front" else choices), "model"),
        direction="Higher" if answer.higher_is_better else "Lower",
    )
    header = headings("Model", figures=[quality, "Memory, GB"]) + headings("Provenance", "Reason")
    return Table(f"choose-{name}", caption, header, rows)
