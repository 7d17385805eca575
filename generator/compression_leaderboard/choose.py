"""Choose a model of a cohort: the Pareto front of quality against memory, with a reason for each.

The script site/docs/assets/choose.js answers as this module does, from docs/data/choose.json, which
holds the same options and sentences. tests/vectors/choose.json has cases that compare the two.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import Column, Row
from compression_leaderboard.intervals import normal_quantile
from compression_leaderboard.records.results import Result

# Bytes per parameter. int8 and int4 include a 16-bit scale per block of 32 weights, as GGUF does.
PRECISIONS = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0625, "int4": 0.5625}
PRECISION = "bfloat16"  # default
CACHE_NUMBER_BYTES = 2.0  # a number in the cache, in bfloat16
WIDTH_PER_LAYER = 100.0  # of a typical decoder; used where the shape is unknown
RUNTIME_BYTES = 5e8  # the process without a model; measured by examples/bench/memory.py on a CPU
CONTEXT_TOKENS = 2048.0  # default length of the context
LISTED_TIES = 3  # names in a reason; the rest are counted
MESSAGES = {
    "no_weight": "Every weight is 0; give at least one benchmark or text a weight above 0.",
    "mixed_units": (
        "Benchmarks and texts have different units, so their mean has none; weight only one kind."
    ),
    "no_figures": "Nothing fits: no model of this cohort has every weighted figure.",
    "nothing_fits": "Nothing fits. The model with the least memory is {name}: {reason}",
    "missing": "No figure for {names}.",
    "licence": "Its licence is {licence}.",
    "unknown_licence": "Its licence is unknown.",
    "unknown_parameters": "Its number of parameters is unknown, and so is its memory.",
    "parameters": "Has {value} billion parameters; the limit is {limit} billion.",
    "memory": "Needs {value} GB; the limit is {limit} GB.",
    "best_and_smallest": "Best quality and least memory.",
    "best": "Best quality.",
    "smallest": "Least memory.",
    "unknown_memory": "No model is better beyond the 95 % interval; its memory is unknown.",
    "optimal": "No model with less memory is as good.",
    "tied": "{reason} Tied in quality with {names}.",
    "more": "{names} and {count} more",
    "better": "{name} is better and needs no more memory.",
    "as_good": "{name} is as good within the 95 % interval and needs less memory.",
    "better_than_unknown": "{name} is better; the memory of this model is unknown.",
    "cost": (
        "At {price} per hour and {throughput} tokens per second, a million tokens cost {cost}."
    ),
    "monthly_cost": "{sentence} {tokens} million tokens per month cost {cost}.",
}


class Score(NamedTuple):
    """A model's score on a benchmark, or the bits of a text."""

    value: float
    stderr: float | None  # same unit; None: unknown


@dataclass(frozen=True)
class Criterion:
    """A benchmark or a text that can be weighted."""

    name: str
    label: str
    unit: str
    higher_is_better: bool
    default_weight: float


@dataclass(frozen=True)
class Option:
    """One model to choose from."""

    model: str
    name: str
    page: str
    licence: str | None  # None: unknown
    parameters: float | None  # all weights; None: unknown
    cache_bytes_per_token: float | None  # None where `parameters` is
    scores: tuple[Score | None, ...]  # one per criterion of the cohort; None: unknown

    def memory_bytes(self, precision: str, context_tokens: float) -> float | None:
        """Memory to serve one context: weights, key-value cache and runtime. None: unknown."""
        if self.parameters is None or self.cache_bytes_per_token is None:
            return None
        cache = self.cache_bytes_per_token * context_tokens
        return self.parameters * PRECISIONS[precision] + cache + RUNTIME_BYTES


@dataclass(frozen=True)
class CohortOptions:
    """The models of one cohort, and the criteria that they can be weighted by."""

    name: str
    title: str
    provenance: str
    criteria: tuple[Criterion, ...]
    options: tuple[Option, ...]

    @property
    def default_weights(self) -> tuple[float, ...]:
        return tuple(criterion.default_weight for criterion in self.criteria)


def make_options(cohorts: Sequence[Cohort], results: Iterable[Result]) -> tuple[CohortOptions, ...]:
    """Make the options of each cohort that has models and figures.

    results: current ones; they give the layers and the width of measured models.
    """
    shapes = {
        r.model: (r.subject.layers, r.subject.width) for r in results if r.subject is not None
    }
    return tuple(
        _cohort_options(cohort, shapes)
        for cohort in cohorts
        if cohort.rows and (cohort.scores or cohort.compression)
    )


def default_cohort(cohorts: Sequence[CohortOptions]) -> CohortOptions:
    """Return the cohort with the largest model."""
    return max(cohorts, key=lambda cohort: max(o.parameters or 0 for o in cohort.options))


def cache_bytes_per_token(parameters: float, shape: tuple[int, int] | None) -> float:
    """Bytes of the key-value cache per token of context: 2 · layers · width · bytes of a number.

    shape: layers and width. An unknown one follows from parameters = 12 · layers · width² and
    width = WIDTH_PER_LAYER · layers. An upper bound where attention heads share keys and values.
    """
    if shape is not None:
        layers, width = map(float, shape)
    else:
        layers = (parameters / (12 * WIDTH_PER_LAYER**2)) ** (1 / 3)
        width = WIDTH_PER_LAYER * layers
    return 2 * layers * width * CACHE_NUMBER_BYTES


def _cohort_options(cohort: Cohort, shapes: Mapping[str, tuple[int, int]]) -> CohortOptions:
    columns = [*cohort.scores, *cohort.compression]
    times = Counter([column.name for column in columns] + [column.key.id for column in columns])
    criteria = [
        Criterion(
            name=c.name if times[c.name] == 1 else c.key.id,
            label=c.label,
            unit=c.unit,
            higher_is_better=c.higher_is_better,
            default_weight=float(c.unit == columns[0].unit),
        )
        for c in columns
    ]
    options = [_option(cohort, columns, row, shapes.get(row.model)) for row in cohort.rows]
    return CohortOptions(
        cohort.name, cohort.title, cohort.provenance, tuple(criteria), tuple(options)
    )


def _option(
    cohort: Cohort, columns: Sequence[Column], row: Row, shape: tuple[int, int] | None
) -> Option:
    """Make a row's option. A mixture's published size may not count all weights: it is unknown."""
    parameters = None if row.model in cohort.mixtures else row.parameters
    figures = [row.figures.get(column.key) for column in columns]
    return Option(
        model=row.model,
        name=row.label,
        page=row.page,
        licence=row.licence,
        parameters=parameters,
        cache_bytes_per_token=parameters and cache_bytes_per_token(parameters, shape),
        scores=tuple(None if f is None else Score(f.value, f.error) for f in figures),
    )


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
    provenance: tuple[str, ...]  # of its figures; empty where none is known
    memory_bytes: float | None
    fits: bool
    pareto_optimal: bool
    ties: tuple[str, ...]  # names on the front whose quality cannot be distinguished from this one
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

    @property
    def scale(self) -> tuple[int, str, int]:
        """How qualities are shown: what they are multiplied by, the unit, and the decimals."""
        return (100, "%", 1) if self.unit == "fraction" else (1, self.unit or "", 4)


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
    weighted = [
        (score, weight / total)
        for score, weight in zip(option.scores, request.weights, strict=True)
        if weight > 0
    ]
    known = [(score, share) for score, share in weighted if score is not None]
    quality = stderr = None
    if len(known) == len(weighted):
        quality = math.fsum(score.value * share for score, share in known)
        errors = [score.stderr * share for score, share in known if score.stderr is not None]
        stderr = math.hypot(*errors) if len(errors) == len(known) else None
    memory = option.memory_bytes(request.precision, request.context_tokens)
    reason = _misfit(option, memory, cohort, request)
    return Choice(
        model=option.model,
        name=option.name,
        page=option.page,
        quality=quality,
        stderr=stderr,
        provenance=(cohort.provenance,) if known else (),
        memory_bytes=memory,
        fits=not reason,
        pareto_optimal=False,
        ties=(),
        reason=reason,
    )


def _misfit(option: Option, memory: float | None, cohort: CohortOptions, request: Request) -> str:
    """Return the first constraint that a model does not meet, in words; "" where it meets all."""
    rows = zip(cohort.criteria, request.weights, option.scores, strict=True)
    missing = [criterion.label for criterion, weight, score in rows if weight > 0 and not score]
    if missing:
        return MESSAGES["missing"].format(names=", ".join(missing))
    if request.licence and option.licence is None:
        return MESSAGES["unknown_licence"]
    if option.licence is not None and request.licence.lower() not in option.licence.lower():
        return MESSAGES["licence"].format(licence=option.licence)
    for name, value, limit in (
        ("parameters", option.parameters, request.largest_parameters),
        ("memory", memory, request.memory_bytes),
    ):
        if limit is not None and value is None:
            return MESSAGES["unknown_parameters"]
        if limit is not None and value is not None and value > limit:
            return MESSAGES[name].format(value=rounded(value / 1e9), limit=rounded(limit / 1e9))
    return ""


def _explain(fitting: Sequence[Choice], sign: int) -> list[Choice]:
    """Mark the models on the front, and say why each is on it or not. fitting: best first."""
    rivals = [next((r for r in fitting if _dominates(r, c, sign)), None) for c in fitting]
    front = [choice for choice, rival in zip(fitting, rivals, strict=True) if rival is None]
    least = min((_known(choice.memory_bytes, math.inf) for choice in fitting), default=math.inf)
    explained = []
    for choice, rival in zip(fitting, rivals, strict=True):
        if rival is not None:
            key = "better" if _distinguishable(choice, rival) else "as_good"
            key = "better_than_unknown" if choice.memory_bytes is None else key
            explained.append(replace(choice, reason=MESSAGES[key].format(name=rival.name)))
            continue
        ties = sorted(o.name for o in front if o is not choice and not _distinguishable(choice, o))
        reason = _front_reason(choice, choice.quality == fitting[0].quality, least)
        explained.append(
            replace(choice, pareto_optimal=True, ties=tuple(ties), reason=_with_ties(reason, ties))
        )
    return explained


def _dominates(rival: Choice, choice: Choice, sign: int) -> bool:
    """Whether a rival needs no more memory and is better, or is as good and needs less memory.

    Better: beyond the 95 % interval of the difference. A rival of unknown memory dominates no model
    of known memory; a model of unknown memory is compared by quality alone.
    """
    if sign * (_known(rival.quality) - _known(choice.quality)) < 0:
        return False
    if choice.memory_bytes is None:
        return _distinguishable(rival, choice)
    if rival.memory_bytes is None or rival.memory_bytes > choice.memory_bytes:
        return False
    return rival.memory_bytes < choice.memory_bytes or _distinguishable(rival, choice)


def _distinguishable(choice: Choice, other: Choice) -> bool:
    """Whether the qualities differ by more than the 95 % interval; by anything where it is unknown.

    Both have a quality. Their errors are taken as independent.
    """
    interval = 0.0
    if choice.stderr is not None and other.stderr is not None:
        interval = normal_quantile() * math.hypot(choice.stderr, other.stderr)
    return abs(_known(choice.quality) - _known(other.quality)) > interval


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
    """Say which misfit is smallest, and why. misfits: in order of memory."""
    smallest = next((choice for choice in misfits if choice.quality is not None), None)
    if smallest is None:
        return MESSAGES["no_figures"]
    return MESSAGES["nothing_fits"].format(name=smallest.name, reason=smallest.reason)


def _known(value: float | None, otherwise: float = math.nan) -> float:
    return otherwise if value is None else value


def cost_sentence(
    price_per_hour: float,
    tokens_per_second: float,
    tokens_per_month: float | None = None,
    currency: str = "",
) -> str:
    """Say what a million tokens cost on one busy machine, and those of a month."""
    per_million = price_per_hour / (tokens_per_second * 3600) * 1e6
    sentence = MESSAGES["cost"].format(
        price=_money(price_per_hour, currency),
        throughput=rounded(tokens_per_second),
        cost=_money(per_million, currency),
    )
    if tokens_per_month is None:
        return sentence
    millions = tokens_per_month / 1e6
    cost = _money(per_million * millions, currency)
    return MESSAGES["monthly_cost"].format(sentence=sentence, tokens=rounded(millions), cost=cost)


def rounded(value: float) -> str:
    """Write three significant digits, without an exponent or trailing zeros."""
    return f"{Decimal(f'{value:.3g}'):f}"


def _money(value: float, currency: str) -> str:
    return f"{rounded(value)} {currency}".rstrip()
