"""The Pareto front of quality against memory, and one sentence per model on why it is on it or not.
site/docs/assets/choose.js computes the same in the browser. tests/vectors/choose.json holds cases
that both must answer alike; the sentences are in docs/data/choose.json, so they exist once.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from compression_leaderboard.choose.messages import MESSAGES, rounded
from compression_leaderboard.choose.options import (
    CONTEXT_TOKENS,
    CohortOptions,
    Option,
    memory_bytes,
)
from compression_leaderboard.intervals import normal_quantile

PRECISION = "bfloat16"  # default
LISTED_TIES = 3  # names in a reason; the rest are counted


@dataclass(frozen=True)
class Request:
    """What the user asks of a cohort; the last three are constraints."""

    weights: tuple[float, ...]  # one per criterion, at least 0
    precision: str = PRECISION
    context_tokens: float = CONTEXT_TOKENS
    licence: str = ""  # a part of its name, in any case; "": any licence
    largest_parameters: float | None = None
    memory_bytes: float | None = None


@dataclass(frozen=True)
class Choice:
    """One model as an answer to a request."""

    model: str
    name: str
    page: str
    quality: float | None  # weighted mean, in the unit of the answer; None: a figure is missing
    stderr: float | None  # same unit; None: unknown
    provenance: tuple[str, ...]
    memory_bytes: float | None
    fits: bool
    pareto_optimal: bool
    ties: tuple[str, ...]  # names on the front whose quality is not distinguishable from its own
    reason: str


@dataclass(frozen=True)
class Answer:
    """The Pareto front, best quality first; then the other models that fit, then the misfits."""

    problem: str | None
    unit: str | None
    higher_is_better: bool
    choices: tuple[Choice, ...]

    @property
    def pareto_front(self) -> tuple[Choice, ...]:
        return tuple(choice for choice in self.choices if choice.pareto_optimal)


def choose(cohort: CohortOptions, request: Request) -> Answer:
    """Rank the models of a cohort that meet the constraints."""
    weighted = [c for c, w in zip(cohort.criteria, request.weights, strict=True) if w > 0]
    if not weighted:
        return Answer(MESSAGES["no_weight"], None, True, ())
    if len({(c.unit, c.higher_is_better) for c in weighted}) > 1:
        return Answer(MESSAGES["mixed_units"], None, True, ())
    sign = 1 if weighted[0].higher_is_better else -1
    assessed = [_assess(option, cohort, request) for option in cohort.options]
    fitting = [choice for choice in assessed if choice.fits]
    misfits = [choice for choice in assessed if not choice.fits]
    fitting.sort(key=lambda choice: (-sign * _known(choice.quality), choice.name))
    misfits.sort(key=lambda choice: (_known(choice.memory_bytes, math.inf), choice.name))
    ranked = _explain(fitting, sign)
    ranked.sort(key=lambda choice: not choice.pareto_optimal)  # stable
    problem = None if fitting else _nothing_fits(misfits)
    return Answer(problem, weighted[0].unit, weighted[0].higher_is_better, (*ranked, *misfits))


def _assess(option: Option, cohort: CohortOptions, request: Request) -> Choice:
    """Quality and memory of a model; reason: why it does not fit, "" where it does."""
    total = math.fsum(request.weights)
    shares = [
        (figure, weight / total)
        for figure, weight in zip(option.figures, request.weights, strict=True)
        if weight > 0
    ]
    figures = [(figure, share) for figure, share in shares if figure is not None]
    quality = stderr = None
    if len(figures) == len(shares):
        quality = math.fsum(figure.value * share for figure, share in figures)
        errors = [f.stderr * share for f, share in figures if f.stderr is not None]
        stderr = math.hypot(*errors) if len(errors) == len(figures) else None
    memory = memory_bytes(option, request.precision, request.context_tokens)
    reason = _misfit(option, memory, cohort, request)
    return Choice(
        model=option.model,
        name=option.name,
        page=option.page,
        quality=quality,
        stderr=stderr,
        provenance=tuple(sorted({figure.provenance for figure, _ in figures})),
        memory_bytes=memory,
        fits=not reason,
        pareto_optimal=False,
        ties=(),
        reason=reason,
    )


def _misfit(option: Option, memory: float | None, cohort: CohortOptions, request: Request) -> str:
    """The first constraint that a model does not meet, as a sentence; "" where it meets all."""
    rows = zip(cohort.criteria, request.weights, option.figures, strict=True)
    missing = [criterion.label for criterion, weight, figure in rows if weight > 0 and not figure]
    if missing:
        return MESSAGES["missing"].format(names=", ".join(missing))
    if request.licence and option.licence is None:
        return MESSAGES["unknown_licence"]
    if option.licence is not None and request.licence.lower() not in option.licence.lower():
        return MESSAGES["licence"].format(licence=option.licence)
    limits: Mapping[str, tuple[float | None, float | None]] = {
        "parameters": (option.parameters, request.largest_parameters),
        "memory": (memory, request.memory_bytes),
    }
    for name, (value, limit) in limits.items():
        if limit is not None and value is None:
            return MESSAGES["unknown_parameters"]
        if limit is not None and value is not None and value > limit:
            return MESSAGES[name].format(value=rounded(value / 1e9), limit=rounded(limit / 1e9))
    return ""


def _explain(fitting: Sequence[Choice], sign: int) -> list[Choice]:
    """The models that fit with their place, ties and reason. fitting: best quality first."""
    rivals = list(_dominating(fitting, sign))
    front = [choice for choice, rival in zip(fitting, rivals, strict=True) if rival is None]
    least = min((_known(choice.memory_bytes, math.inf) for choice in fitting), default=math.inf)
    explained = []
    for choice, rival in zip(fitting, rivals, strict=True):
        if rival is not None:
            key = "better" if _distinguishable(choice, rival) else "as_good"
            key = "better_than_unknown" if choice.memory_bytes is None else key
            explained.append(replace(choice, reason=MESSAGES[key].format(name=rival.name)))
            continue
        ties = [o.name for o in front if o is not choice and not _distinguishable(choice, o)]
        reason = _front_reason(choice, choice.quality == fitting[0].quality, least)
        reason = _with_ties(reason, sorted(ties))
        explained.append(
            replace(choice, pareto_optimal=True, ties=tuple(sorted(ties)), reason=reason)
        )
    return explained


def _dominating(fitting: Sequence[Choice], sign: int) -> Iterator[Choice | None]:
    """For each model the best one that dominates it, or None. fitting: best quality first.

    A model is dominated by one that needs no more memory and is better beyond the 95 % interval of
    the difference, or that is as good and needs less memory. Errors are taken as independent. A
    model of unknown memory dominates none of known memory, and is judged by quality alone.
    """
    good = sign * np.array([_known(choice.quality) for choice in fitting])
    stderr = np.array([_known(choice.stderr) for choice in fitting])
    memory = np.array([_known(choice.memory_bytes) for choice in fitting])
    for k, choice in enumerate(fitting):
        interval = normal_quantile() * np.nan_to_num(np.hypot(stderr, stderr[k]))
        dominates = good - good[k] > interval
        if choice.memory_bytes is not None:  # comparisons with an unknown memory are False
            dominates |= (good >= good[k]) & (memory < memory[k])
            dominates &= memory <= memory[k]
        yield fitting[int(dominates.argmax())] if dominates.any() else None


def _distinguishable(one: Choice, other: Choice) -> bool:
    """Whether the qualities differ by more than the 95 % interval; by anything where it is unknown.

    Both have a quality.
    """
    interval = 0.0
    if one.stderr is not None and other.stderr is not None:
        interval = normal_quantile() * math.hypot(one.stderr, other.stderr)
    return abs(_known(one.quality) - _known(other.quality)) > interval


def _front_reason(choice: Choice, is_best: bool, least: float) -> str:
    is_smallest = choice.memory_bytes == least
    if is_best:
        return MESSAGES["best_and_smallest" if is_smallest else "best"]
    if is_smallest:
        return MESSAGES["smallest"]
    return MESSAGES["unknown_memory" if choice.memory_bytes is None else "optimal"]


def _with_ties(reason: str, ties: Sequence[str]) -> str:
    if not ties:
        return reason
    names = ", ".join(ties[:LISTED_TIES])
    if len(ties) > LISTED_TIES:
        names = MESSAGES["more"].format(names=names, count=len(ties) - LISTED_TIES)
    return MESSAGES["tied"].format(reason=reason, names=names)


def _nothing_fits(misfits: Sequence[Choice]) -> str:
    """The misfits are in order of memory."""
    smallest = next((choice for choice in misfits if choice.quality is not None), None)
    if smallest is None:
        return MESSAGES["no_figures"]
    return MESSAGES["nothing_fits"].format(name=smallest.name, reason=smallest.reason)


def _known(value: float | None, otherwise: float = math.nan) -> float:
    return otherwise if value is None else value
