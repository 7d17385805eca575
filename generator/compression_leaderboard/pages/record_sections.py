"""What the sections of a model's page show in addition to the records themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from compression_leaderboard.board.bits_by_class import ClassFigure
from compression_leaderboard.board.comparisons import Comparison
from compression_leaderboard.board.derived import (
    LEAST_INFORMATION,
    SIDES,
    DerivedResult,
    Plane,
    PreferenceFigure,
    corrected,
    corrected_error,
    is_current,
    main_score,
    mean_score,
    over_layers,
    place_on_plane,
)
from compression_leaderboard.board.figures import BITS_PER_BYTE
from compression_leaderboard.intervals import Interval
from compression_leaderboard.pages.charts import Chart, draw_steps
from compression_leaderboard.records.corpora import Corpus, PreferenceSet
from compression_leaderboard.records.models import Suite
from compression_leaderboard.records.plane import (
    Layer,
    LayerInformation,
    Lossy,
    PreferenceLayer,
    Side,
    Unit,
)
from compression_leaderboard.records.results import Score, Stretch, TaskResult
from compression_leaderboard.repository.specs import Specs


class Part(NamedTuple):
    """Information about single tokens from a part of the positions, mean over layers and seeds."""

    positions: int
    plug_in: float
    null: float

    @property
    def corrected(self) -> float:
        return self.plug_in - self.null


@dataclass(frozen=True)
class Convergence:
    """Estimates from nested parts of the positions, all of them last.

    read: information about the token read. rows: positions, plug-in and corrected optimality.
    """

    read: Sequence[Part]
    rows: Sequence[tuple[int, float, float]]
    chart: Chart  # of the rows


@dataclass(frozen=True)
class Gain:
    """What labels of one unit and order tell beyond those one shorter, in units of ln(bins)."""

    unit: Unit
    order: int
    read: float
    follows: float
    regularity: float | None  # I(X;Z) / H(Z); None for states without entropy
    variation: float  # H(Z|X)


@dataclass(frozen=True)
class PlaneView:
    """What a record says of the information plane.

    figures: with the share of positions whose label occurs once. by_layer: None without single
    tokens. layers: with the information about the token read and the token that follows.
    """

    lossy: Lossy
    figures: Sequence[tuple[Plane, float | None]]
    by_layer: Chart | None
    convergence: Convergence | None
    entropy: float  # H(Z), mean over layers 1…L and seeds
    gains: Sequence[Gain]
    layers: Sequence[tuple[Layer, LayerInformation | None, LayerInformation | None]]


@dataclass(frozen=True)
class TextView:
    """A text. classes: what each class of bytes costs, empty where that is not known.

    context: bits per byte by place in the document, or None.
    """

    interval: Interval | None
    comparisons: Sequence[Comparison]
    classes: Sequence[ClassFigure]
    context: Chart | None
    plane: PlaneView | None


@dataclass(frozen=True)
class PreferenceView:
    """A model's preference information. layers: with corrected value and standard error."""

    figure: PreferenceFigure
    layers: Sequence[tuple[PreferenceLayer, float, float]]


@dataclass(frozen=True)
class SuiteView:
    """A suite. scores: every metric of every task."""

    scores: Sequence[tuple[TaskResult, Score]]
    mean: float
    stderr: float | None
    items: int


@dataclass(frozen=True)
class RecordView:
    """A record of final weights. spec: of its name today, or None.

    view: what the page adds to the record; None for a proof.
    """

    entry: DerivedResult
    spec: Corpus | PreferenceSet | Suite | None
    is_current: bool
    view: TextView | PreferenceView | SuiteView | None


def view_record(
    entry: DerivedResult, specs: Specs, comparisons: Sequence[Comparison]
) -> RecordView | None:
    """View a record of final weights; return None for kinds without a section.

    comparisons: of the model, on any text.
    """
    result = entry.result
    spec: Corpus | PreferenceSet | Suite | None = specs.corpora.get(result.name)
    view: TextView | PreferenceView | SuiteView | None = None
    if result.preference is not None and entry.preference is not None:
        spec = specs.preferences.get(result.name)
        layers = result.preference.layers
        rows = [(x, float(corrected(x).mean()), corrected_error(x)) for x in layers]
        view = PreferenceView(entry.preference, rows)
    elif result.lossless is not None:
        view = _view_text(entry, result.lossless.stretches, comparisons)
    elif result.kind == "suite":
        spec = specs.suites.get(result.name)
        scores = [(task, score) for task in result.tasks for score in task.scores]
        items = sum(main_score(task)[2] for task in result.tasks)
        view = SuiteView(scores, *mean_score(result.tasks), items)
    elif result.proof is None:
        return None
    return RecordView(entry, spec, is_current(result, specs), view)


def _view_text(
    entry: DerivedResult, stretches: Sequence[Stretch], comparisons: Sequence[Comparison]
) -> TextView:
    result, context = entry.result, None
    if len(stretches) > 1:
        rates = [stretch.bits / stretch.bytes for stretch in stretches]
        edges = [str(stretch.from_byte) for stretch in stretches]
        context = draw_steps([(BITS_PER_BYTE, "input", rates)], edges)
    return TextView(
        entry.interval,
        [comparison for comparison in comparisons if comparison.corpus == result.name],
        entry.classes,
        context,
        view_plane(result.lossy) if result.lossy else None,
    )


def view_plane(lossy: Lossy) -> PlaneView:
    """View everything that a record says of the information plane."""
    labels = sorted(
        {(label.unit, label.order) for label in lossy.labels}, key=lambda x: (x[0] != "token", x[1])
    )
    once = {(s.unit, s.order): s.singleton_mass for s in lossy.labels if s.side == "input"}
    planes = [place_on_plane(lossy, order, unit) for unit, order in labels]
    entropy = fmean(value for layer in lossy.layers[1:] for value in layer.entropy)
    read, follows = layer_values(lossy)
    by_layer = None
    if len(read) == len(follows) == len(lossy.layers):
        lines = [
            ("I(X;Z): what was read", "input", read),
            ("I(Y;Z): what comes next", "output", follows),
        ]
        by_layer = draw_steps(lines, [str(layer.layer) for layer in lossy.layers])
    return PlaneView(
        lossy=lossy,
        figures=[(plane, once.get((plane.unit, plane.order))) for plane in planes if plane],
        by_layer=by_layer,
        convergence=view_convergence(lossy),
        entropy=entropy,
        gains=_gains(lossy, labels, entropy),
        layers=[(x, _about_tokens(x, "input"), _about_tokens(x, "output")) for x in lossy.layers],
    )


def _about_tokens(layer: Layer, side: Side) -> LayerInformation | None:
    """Return the information of a layer's states about single tokens."""
    labels = ("token", side, 1)
    return next((i for i in layer.information if (i.unit, i.side, i.order) == labels), None)


def layer_values(lossy: Lossy) -> tuple[list[float], list[float]]:
    """Return each layer's corrected information about single tokens read, and those that follow."""
    read, follows = (
        [
            fmean(information.plug_in) - fmean(information.null)
            for layer in lossy.layers
            if (information := _about_tokens(layer, side))
        ]
        for side in SIDES
    )
    return read, follows


def _gains(lossy: Lossy, labels: Sequence[tuple[Unit, int]], entropy: float) -> list[Gain]:
    """Subtract the information of the labels one shorter. labels: by unit, in order of length."""
    gains: list[Gain] = []
    before = (0.0, 0.0)
    for unit, order in labels:
        estimates = [over_layers(lossy, unit, side, order) for side in SIDES]
        values = [float(estimate.corrected.mean()) for estimate in estimates if estimate]
        if len(values) < 2:
            continue
        read, follows = values
        if not gains or gains[-1].unit != unit:
            before = (0.0, 0.0)
        added = (read - before[0], follows - before[1])
        regularity = read / entropy if entropy > LEAST_INFORMATION else None
        gains.append(Gain(unit, order, *added, regularity, entropy - read))
        before = (read, follows)
    return gains


def view_convergence(lossy: Lossy) -> Convergence | None:
    """View estimates from parts of the positions; return None if the record has no parts, or one
    whose complexity cannot be told from 0."""
    read, follows = (_parts(lossy, side) for side in SIDES)
    least = min((min(part.plug_in, part.corrected) for part in read), default=0.0)
    if len(read) < 2 or len(read) != len(follows) or least <= LEAST_INFORMATION:
        return None
    rows = [
        (x.positions, y.plug_in / x.plug_in, y.corrected / x.corrected)
        for x, y in zip(read, follows, strict=True)
    ]
    positions, plug_in, adjusted = zip(*rows, strict=True)
    lines = [("plug-in", "output", plug_in), ("corrected", "input", adjusted)]
    return Convergence(read, rows, draw_steps(lines, [str(n) for n in positions]))


def _parts(lossy: Lossy, side: Side) -> list[Part]:
    """Return the parts in order of positions; empty without labels of single tokens."""
    whole = over_layers(lossy, "token", side, 1)
    if whole is None:
        return []
    labels = ("token", side, 1)
    shares = [s for s in lossy.convergence if (s.unit, s.side, s.order) == labels]
    plug_in = float(whole.plug_in.mean())
    null = plug_in - float(whole.corrected.mean())
    parts = sorted(Part(share.positions, share.plug_in, share.null) for share in shares)
    return [*parts, Part(lossy.positions, plug_in, null)]
