"""The page Choose."""

import json
from collections.abc import Sequence

from markupsafe import Markup

from compression_leaderboard.choose import (
    CONTEXT_TOKENS,
    LISTED_TIES,
    MESSAGES,
    PRECISION,
    PRECISIONS,
    RUNTIME_BYTES,
    CohortOptions,
    Request,
    choose,
    default_cohort,
    rounded,
)
from compression_leaderboard.intervals import normal_quantile
from compression_leaderboard.pages.rendering import Renderer


def render_choose(render: Renderer, cohorts: Sequence[CohortOptions]) -> Markup:
    """Show the form and the answer to the default request; choose.js answers any other."""
    if not cohorts:
        return render("choose.html", cohorts=())
    cohort = default_cohort(cohorts)
    return render(
        "choose.html",
        cohorts=[(option.name, option.title) for option in cohorts],
        default=cohort,
        precisions=[(precision, precision) for precision in PRECISIONS],
        precision=PRECISION,
        context_tokens=f"{CONTEXT_TOKENS:g}",
        answer=choose(cohort, Request(cohort.default_weights)),
        normal_95=normal_quantile(),
        rounded=rounded,
    )


def options_json(cohorts: Sequence[CohortOptions]) -> bytes:
    """All that choose.js needs to answer any request, for docs/data/choose.json."""
    values = {
        "normal_95": normal_quantile(),
        "precisions": PRECISIONS,
        "runtime_bytes": RUNTIME_BYTES,
        "listed_ties": LISTED_TIES,
        "messages": MESSAGES,
        "cohorts": cohorts,
    }
    compact = (",", ":")
    return json.dumps(
        values, default=vars, ensure_ascii=False, allow_nan=False, separators=compact
    ).encode()
