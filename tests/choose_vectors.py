"""The cases of tests/vectors/choose.json, which Python and choose.js must answer alike.

`python -m tests.choose_vectors` writes the file anew; review its diff.
"""

from dataclasses import asdict
from typing import Any

from compression_leaderboard.choose import (
    CohortOptions,
    Criterion,
    Option,
    Request,
    Score,
    cache_bytes_per_token,
    choose,
    cost_sentence,
)

from tests.vector_files import as_values, write_vectors

NAME = "choose.json"
ABOUT = "Requests and their answers; written by `python -m tests.choose_vectors`."
CRITERIA = (
    Criterion("quiz", "Quiz", "fraction", True, 1.0),
    Criterion("constructor", "Exam", "fraction", True, 1.0),
    Criterion("prose", "Prose", "bits per byte", False, 0.0),
    Criterion("unrun", "Unrun", "fraction", True, 0.0),
)
Scores = tuple[float | None, float | None]  # value and standard error
UNKNOWN: Scores = (None, None)


def make_option(
    name: str,
    parameters: float | None,
    *scores: Scores,
    licence: str | None = "MIT",
    shape: tuple[int, int] | None = None,
) -> Option:
    """An option whose scores are (value, standard error) of the first criteria."""
    return Option(
        model=f"org/{name}",
        name=name,
        page=f"{name}/",
        licence=licence,
        parameters=parameters,
        cache_bytes_per_token=parameters and cache_bytes_per_token(parameters, shape),
        scores=tuple(
            None if value is None else Score(value, stderr)
            for value, stderr in (*scores, *[UNKNOWN] * (len(CRITERIA) - len(scores)))
        ),
    )


COHORT = CohortOptions(
    "paper",
    "Paper",
    "published",
    CRITERIA,
    (
        make_option("small", 1e8, (0.30, 0.02), (0.35, 0.02), (1.10, 0.01)),
        make_option("alike", 1e8, (0.31, 0.02), (0.34, 0.02), (1.10, 0.01)),
        make_option("twin", 1e8, (0.31, 0.02), (0.34, 0.02), (1.09, None)),
        make_option("shaped", 1.2e8, (0.32, 0.02), (0.36, 0.02), (1.08, 0.01), shape=(12, 768)),
        make_option("worse", 2e8, (0.20, 0.02), (0.21, 0.02), (1.20, 0.01)),
        make_option("middle", 1e9, (0.45, 0.01), (0.50, 0.01), (0.90, 0.01)),
        make_option("exact", 1.1e9, (0.46, None), (0.50, 0.01), (0.90, None)),
        make_option("large {name} $&", 7e9, (0.60, 0.01), (0.66, 0.01), (0.80, 0.01)),
        make_option("mixture", None, (0.55, 0.01), (0.50, 0.01), (0.85, 0.01)),
        make_option("mixture-3", None, (0.64, 0.02), (0.66, 0.02), (0.81, 0.01)),
        make_option("mixture-2", None, (0.65, 0.01), (0.67, 0.01), (0.79, 0.01), licence=None),
        make_option("partial", 3e9, (0.50, 0.01), UNKNOWN, (0.83, 0.01), licence="Apache-2.0"),
    ),
)
BOTH = (1.0, 1.0, 0.0, 0.0)
REQUESTS = (
    Request(BOTH),
    Request((3.0, 0.5, 0.0, 0.0), precision="int4", context_tokens=8192),
    Request((1.0, 0.0, 0.0, 0.0)),
    Request((0.0, 0.0, 1.0, 0.0), precision="float32"),
    Request((0.0, 1.0, 0.0, 0.0), licence="mit", largest_parameters=2e9),
    Request((1.0, 0.0, 0.0, 0.0), licence="APACHE"),
    Request(BOTH, memory_bytes=1e9, precision="int8"),
    Request(BOTH, memory_bytes=2.6e9, largest_parameters=1.05e9),
    Request(BOTH, memory_bytes=1e8),
    Request((0.0, 1.0, 0.0, 0.0), licence="Apache"),
    Request(BOTH, licence="gpl", context_tokens=0.0),
    Request((0.0, 0.0, 0.0, 0.0)),
    Request((1.0, 0.0, 1.0, 0.0)),
    Request((0.0, 0.0, 0.0, 1.0)),
)
COSTS = (  # price per hour, tokens per second, tokens per month, currency
    (2.5, 3000.0, None, "EUR"),
    (0.0123, 7.0, 2.5e9, ""),
    (40.0, 12345.0, 1e6, "$"),
)


def make_vectors() -> dict[str, Any]:
    """The contents of the file, as plain values."""
    cases = [{"request": one, "answer": asdict(choose(COHORT, one))} for one in REQUESTS]
    costs = [{"arguments": cost, "sentence": cost_sentence(*cost)} for cost in COSTS]
    return as_values({"about": ABOUT, "cohort": COHORT, "cases": cases, "costs": costs})


if __name__ == "__main__":
    write_vectors(NAME, make_vectors())
