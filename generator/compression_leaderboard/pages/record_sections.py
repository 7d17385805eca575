"""What the sections of a model's page show beside the records that they are of."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from compression_leaderboard.board.comparisons import Comparison
from compression_leaderboard.board.current import is_current
from compression_leaderboard.board.derived import (
    SIDES,
    Plane,
    PreferenceFigure,
    bits_interval,
    corrected,
    corrected_error,
    main_score,
    mean_score,
    over_layers,
    place_on_plane,
    preference_figure,
)
from compression_leaderboard.intervals import Interval
from compression_leaderboard.pages.charts import Chart, Curve, draw_curves, linear_axis, step_axis
from compression_leaderboard.records.corpora import Corpus, PreferenceSet
from compression_leaderboard.records.models import Suite
from compression_leaderboard.records.plane import (
    Layer,
    LayerInformation,
    Lossy,
    PreferenceLayer,
    Share,
    Side,
    Unit,
)
from compression_leaderboard.records.results import Lossless, Result, Score, TaskResult
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs


@dataclass(frozen=True)
class Convergence:
    """Information about single tokens from parts of the positions, all of them last.

    shares: what was read (input) and what comes next (output). chart: of the optimality that
    follows, plug-in and corrected; ratios: its values.
    """

    shares: Sequence[tuple[Share, Share]]
    ratios: Sequence[tuple[float, float]]
    chart: Chart


@dataclass(frozen=True)
class Gain:
    """What labels of one unit and order tell beyond those one shorter, in units of ln(bins)."""

    unit: Unit
    order: int
    read: float
    follows: float
    regularity: float  # I(X;Z) / H(Z)
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
    """A text. context: bits per byte by place in the document, or None."""

    interval: Interval | None
    comparisons: Sequence[Comparison]
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
    """A record of final weights, with the spec that its file names, if there is one today.

    view: what the page adds to the record; None for a proof.
    """

    entry: StoredResult
    spec: Corpus | PreferenceSet | Suite | None
    is_current: bool
    view: TextView | PreferenceView | SuiteView | None


def view_record(
    entry: StoredResult, specs: Specs, comparisons: Sequence[Comparison]
) -> RecordView | None:
    """View a record of final weights; None for kinds without a section.

    comparisons: of the model, on any text.
    """
    result = entry.result
    spec: Corpus | PreferenceSet | Suite | None = specs.corpora.get(result.name)
    view: TextView | PreferenceView | SuiteView | None = None
    if result.preference is not None:
        spec = specs.preferences.get(result.name)
        measured = result.preference
        layers = [(x, float(corrected(x).mean()), corrected_error(x)) for x in measured.layers]
        view = PreferenceView(preference_figure(measured), layers)
    elif result.lossless is not None:
        view = _view_text(result, result.lossless, comparisons)
    elif result.kind == "suite":
        spec = specs.suites.get(result.name)
        scores = [(task, score) for task in result.tasks for score in task.scores]
        items = sum(main_score(task)[2] for task in result.tasks)
        view = SuiteView(scores, *mean_score(result.tasks), items)
    elif result.proof is None:
        return None
    return RecordView(entry, spec, is_current(result, specs), view)


def _view_text(result: Result, lossless: Lossless, comparisons: Sequence[Comparison]) -> TextView:
    stretches = lossless.stretches
    context = None
    if len(stretches) > 1:
        rates = [stretch.bits / stretch.bytes for stretch in stretches]
        edges = [str(stretch.from_byte) for stretch in stretches]
        context = draw_steps([("bits per byte", "input", rates)], edges)
    return TextView(
        bits_interval(lossless),
        [comparison for comparison in comparisons if comparison.corpus == result.name],
        context,
        view_plane(result.lossy) if result.lossy else None,
    )


def draw_steps(lines: Sequence[tuple[str, str, Sequence[float]]], steps: Sequence[str]) -> Chart:
    """Draw lines over equal steps, such as layers. lines: label, class and values of each."""
    curves = [Curve(label, range(len(steps)), values, css=css) for label, css, values in lines]
    y = linear_axis([0.0, *(value for _, _, values in lines for value in values)], ticks=4)
    return draw_curves(curves, step_axis(steps), y)


def view_plane(lossy: Lossy) -> PlaneView:
    """Everything that a record knows of the information plane."""
    labels = sorted({(label.unit, label.order) for label in lossy.labels}, key=_tokens_first)
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


def _tokens_first(labels: tuple[Unit, int]) -> tuple[bool, int]:
    return labels[0] != "token", labels[1]


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
        gains.append(Gain(unit, order, *added, read / entropy, entropy - read))
        before = (read, follows)
    return gains


def view_convergence(lossy: Lossy) -> Convergence | None:
    """View estimates from parts of the positions; None where the record has no parts."""
    parts = {
        (share.positions, share.side): share
        for share in (*lossy.convergence, *_whole(lossy))
        if (share.unit, share.order) == ("token", 1)
    }
    counts = sorted({positions for positions, _ in parts})
    if len(counts) < 2 or (lossy.positions, "output") not in parts:
        return None
    shares = [(parts[n, "input"], parts[n, "output"]) for n in counts]
    ratios = [
        (y.plug_in / x.plug_in, (y.plug_in - y.null) / (x.plug_in - x.null)) for x, y in shares
    ]
    plug_in, adjusted = zip(*ratios, strict=True)
    lines = [("plug-in", "output", plug_in), ("corrected", "input", adjusted)]
    return Convergence(shares, ratios, draw_steps(lines, [str(n) for n in counts]))


def _whole(lossy: Lossy) -> list[Share]:
    """Return the estimates from all positions."""
    shares = []
    for side in SIDES:
        if estimate := over_layers(lossy, "token", side, 1):
            plug_in = float(estimate.plug_in.mean())
            null = plug_in - float(estimate.corrected.mean())
            shares.append(
                Share(
                    positions=lossy.positions,
                    unit="token",
                    side=side,
                    order=1,
                    plug_in=plug_in,
                    null=null,
                )
            )
    return shares
