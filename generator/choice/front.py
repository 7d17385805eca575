"""The models worth choosing: those that no other beats in quality and every cost at once."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from generator.choice.costs import Costs, costs_of
from generator.choice.options import NORMAL_95, Menu, Option, Speed
from generator.choice.wishes import Wishes, faults_of
from generator.choice.words import amount, misfit_sentence
from generator.records.assumptions import Assumptions

TIES = 3  # named in a reason; the rest are counted


@dataclass(frozen=True)
class Quality:
    """Weighted mean of the figures that matter, in their unit."""

    value: float
    error: float | None  # standard error, figures taken as independent; None: not known
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """One model under the wishes."""

    option: Option
    quality: Quality | None
    costs: Costs
    fits: bool
    on_front: bool
    ties: tuple[str, ...]  # ids of models on the front from which its quality cannot be told
    reason: str


@dataclass(frozen=True)
class Answer:
    """The front first, the best quality first; then the rest, and what does not fit."""

    problems: tuple[str, ...]
    choices: tuple[Choice, ...]
    higher_is_better: bool = True
    unit: str = ""

    @property
    def front(self) -> tuple[Choice, ...]:
        return tuple(choice for choice in self.choices if choice.on_front)


@dataclass(frozen=True)
class _Entry:
    """A model that fits, quality turned so that more is better."""

    option: Option
    quality: Quality
    costs: Costs
    good: float


def choose(wishes: Wishes, menus: Sequence[Menu], speed: Speed | None, held: Assumptions) -> Answer:
    """Answer the wishes inside their cohort."""
    if faults := faults_of(wishes, menus):
        return Answer(tuple(faults), ())
    menu = next(one for one in menus if one.name == wishes.menu)
    weights = {name: weight for name, weight in wishes.weights.items() if weight > 0}
    criterion = next(c for c in menu.criteria if c.name in weights)
    sign = 1 if criterion.higher_is_better else -1
    labels = {c.name: c.label for c in menu.criteria}
    entries: list[_Entry] = []
    misfits: list[Choice] = []
    for option in menu.options:
        costs = costs_of(option, speed, wishes.precision, wishes.billing, held)
        quality = quality_of(option, weights)
        why = misfit_sentence(option, costs, quality is None, wishes, weights, labels, held)
        if quality is None or why:
            misfits.append(Choice(option, quality, costs, False, False, (), why))
        else:
            entries.append(_Entry(option, quality, costs, sign * quality.value))
    ordered = [*_judge(entries), *sorted(misfits, key=_by_memory)]
    problems = () if entries else (_nearest_miss(misfits),)
    return Answer(problems, tuple(ordered), criterion.higher_is_better, criterion.unit)


def quality_of(option: Option, weights: Mapping[str, float]) -> Quality | None:
    """None where a figure that matters is missing."""
    if any(name not in option.figures for name in weights):
        return None
    total = math.fsum(weights.values())
    figures = [(option.figures[name], weight / total) for name, weight in weights.items()]
    value = math.fsum(figure.value * share for figure, share in figures)
    errors = [figure.error for figure, _ in figures]
    error = None
    if None not in errors:
        error = math.sqrt(math.fsum(((f.error or 0) * share) ** 2 for f, share in figures))
    return Quality(value, error, tuple(sorted({figure.evidence for figure, _ in figures})))


def _judge(entries: Sequence[_Entry]) -> list[Choice]:
    """Front or not, with ties and reasons; the front first, the best first."""
    best_first = sorted(entries, key=lambda one: (one.good, one.option.id), reverse=True)
    beaten = dict(zip((one.option.id for one in best_first), _beaters(best_first), strict=True))
    front = [entry for entry in entries if beaten[entry.option.id] is None]
    choices = []
    for entry in sorted(entries, key=lambda one: (-one.good, one.option.id)):
        better = beaten[entry.option.id]
        if better is None:
            tied = [other for other in front if other is not entry and _tied(entry, other)]
            reason = _front_reason(entry, entries, tied)
            ids = tuple(sorted(other.option.id for other in tied))
            choices.append(
                Choice(entry.option, entry.quality, entry.costs, True, True, ids, reason)
            )
        else:
            reason = _beaten_reason(entry, better)
            choices.append(
                Choice(entry.option, entry.quality, entry.costs, True, False, (), reason)
            )
    return sorted(choices, key=lambda choice: not choice.on_front)  # stable


def _pairs(one: Costs, other: Costs) -> Iterator[tuple[float, float]]:
    """Costs that are known of both."""
    for a, b in zip(_costs(one), _costs(other), strict=True):
        if a is not None and b is not None:
            yield a, b


def _costs(costs: Costs) -> tuple[float | None, float | None, float | None]:
    return costs.memory_bytes, costs.seconds, costs.money


def _beaters(best_first: Sequence[_Entry]) -> Iterator[_Entry | None]:
    """For each entry the best model that costs no more in anything and is better beyond doubt, or
    as good and costs less; costs that are not known of both are not compared. A model none of whose
    costs is known is judged by quality alone, and beats no model with a known cost.
    """
    good = np.array([one.good for one in best_first])
    errors = np.array([_known(one.quality.error) for one in best_first])
    costs = np.array([[_known(cost) for cost in _costs(one.costs)] for one in best_first])
    for k in range(len(best_first)):
        rivals = slice(0, np.searchsorted(-good, -good[k], side="right"))
        known = np.isfinite(costs[rivals]) & np.isfinite(costs[k])
        cheaper = known & (costs[rivals] < costs[k])
        dearer = known & (costs[rivals] > costs[k])
        reach = NORMAL_95 * np.nan_to_num(np.hypot(errors[rivals], errors[k]))
        better = cheaper.any(axis=1) | (good[rivals] - good[k] > reach)
        comparable = known.any(axis=1) | ~np.isfinite(costs[k]).any()
        beats = better & comparable & ~dearer.any(axis=1)
        beats[k] = False
        yield best_first[int(beats.argmax())] if beats.any() else None


def _has_no_costs(entry: _Entry) -> bool:
    return all(cost is None for cost in _costs(entry.costs))


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _tied(one: _Entry, other: _Entry) -> bool:
    """Whether the qualities cannot be told apart; with unknown errors only equals are tied."""
    a, b = one.quality.error, other.quality.error
    reach = 0.0 if a is None or b is None else NORMAL_95 * math.sqrt(a**2 + b**2)
    return abs(one.good - other.good) <= reach


def _front_reason(entry: _Entry, entries: Sequence[_Entry], tied: Sequence[_Entry]) -> str:
    best = entry.good == max(other.good for other in entries)
    sizes = [other.costs.memory_bytes for other in entries if other.costs.memory_bytes is not None]
    smallest = entry.costs.memory_bytes is not None and entry.costs.memory_bytes == min(sizes)
    if best and smallest:
        reason = f"Best quality and least memory of the {len(entries)} that fit"
    elif best:
        reason = f"Best quality of the {len(entries)} that fit"
    elif smallest:
        reason = f"Least memory of the {len(entries)} that fit"
    elif _has_no_costs(entry):
        reason = "No other that fits is better beyond doubt"
    else:
        reason = "No other that fits is as good for as little memory, time and money"
    if _has_no_costs(entry):
        reason += "; what it needs is not known"
    if tied:
        names = sorted(other.option.name for other in tied)
        more = f" and {len(names) - TIES} more" if len(names) > TIES else ""
        reason += f"; tied in quality with {', '.join(names[:TIES])}{more}"
    return f"{reason}."


def _beaten_reason(entry: _Entry, better: _Entry) -> str:
    if _has_no_costs(entry):
        return f"{better.option.name} is better; what this one needs is not known."
    if _tied(entry, better):
        return f"{better.option.name} is as good, within the interval, and costs less."
    cheaper = any(mine < theirs for mine, theirs in _pairs(better.costs, entry.costs))
    return f"{better.option.name} is better and costs {'less' if cheaper else 'no more'}."


def _by_memory(choice: Choice) -> tuple[float, str]:
    held = choice.costs.memory_bytes
    return (math.inf if held is None else held, choice.option.id)


def _nearest_miss(misfits: Sequence[Choice]) -> str:
    """Why nothing fits, by the model that needs least."""
    known = [choice for choice in misfits if choice.quality is not None]
    if not known:
        return "Nothing fits: no model of this cohort has all the figures that you weigh."
    nearest = min(known, key=_by_memory)
    held = nearest.costs.memory_bytes
    size = "unknown memory" if held is None else f"{amount(held / 1e9)} GB"
    return f"Nothing fits. The smallest is {nearest.option.name} ({size}): {nearest.reason}"
