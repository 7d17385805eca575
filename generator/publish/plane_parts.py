"""The information plane of one record: figures by label, over positions, and layer by layer."""

from collections.abc import Sequence
from statistics import fmean

from generator.publish.chart import Series, draw_series, folded_figures
from generator.publish.text import UNKNOWN, counted, number, percent, table, with_interval
from generator.records.plane import Layer, LayerInformation, Lossy, Share, Side, Unit
from generator.tables.derive import Figure, OverLayers, over_layers, place_on_plane

WORDS = {1: "single tokens", 2: "bigrams", 3: "trigrams", 4: "quadgrams"}


def render_plane(name: str, lossy: Lossy) -> str:
    """Everything that a record knows of the information plane. name: the text's, for ids."""
    parts = [_figures(name, lossy), _by_layer_chart(name, lossy), render_convergence(name, lossy)]
    return "".join([*parts, _details(name, lossy), _layers(name, lossy)])


def label_words(unit: Unit, order: int) -> str:
    return WORDS[order] if unit == "token" else f"{order} byte{'s' if order > 1 else ''}"


def _label_sets(lossy: Lossy) -> list[tuple[Unit, int]]:
    """Unit and order of the labels, tokens first."""
    found = {(label.unit, label.order) for label in lossy.labels}
    return sorted(found, key=lambda one: (one[0] != "token", one[1]))


def _figures(name: str, lossy: Lossy) -> str:
    """Model-level figures, a row for each kind of label."""
    columns = ("Complexity", "Expressivity", "Optimality", "Inputs seen once, %")
    header = [("Labels", False)] + [(column, True) for column in columns]
    rows = []
    for unit, order in _label_sets(lossy):
        plane = place_on_plane(lossy, order, unit)
        if plane is not None:
            figures = (plane.complexity, plane.expressivity, plane.optimality)
            singletons = percent(_singletons(lossy, unit, order))
            rows.append([label_words(unit, order), *map(_shown, figures), singletons])
    interval = "no interval: fewer than 20 documents"
    if groups := len(lossy.group_positions):
        interval = f"95 % intervals by jackknife over {groups} groups of documents"
    caption = (
        f"Information plane, {_size(lossy)}. Corrected values, mean over layers 1 to "
        f"{len(lossy.layers) - 1} and {counted(len(lossy.layers[0].entropy), 'anchor seed')}; "
        f"{interval}"
    )
    return table(f"plane-{name}", caption, header, rows)


def _size(lossy: Lossy) -> str:
    """What the figures of a record are estimated from."""
    return f"{counted(lossy.positions, 'position')} in {counted(lossy.documents, 'document')}"


def _shown(figure: Figure | None) -> str:
    return with_interval(figure.value, figure.interval) if figure else UNKNOWN


def _singletons(lossy: Lossy, unit: Unit, order: int) -> float | None:
    wanted = (unit, "input", order)
    found = [s.singleton_mass for s in lossy.labels if (s.unit, s.side, s.order) == wanted]
    return found[0] if found else None


def _at(layer: Layer, side: Side) -> LayerInformation | None:
    """What a layer's states tell about single tokens."""
    for found in layer.information:
        if (found.unit, found.side, found.order) == ("token", side, 1):
            return found
    return None


def _corrected(found: LayerInformation) -> float:
    return fmean(found.plug_in) - fmean(found.null)


def layer_values(lossy: Lossy) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What the states of each layer tell about single tokens read, and about those that follow."""
    inputs, outputs = ([_at(layer, side) for layer in lossy.layers] for side in _SIDES)
    read = tuple(_corrected(found) for found in inputs if found)
    return read, tuple(_corrected(found) for found in outputs if found)


def _by_layer_chart(name: str, lossy: Lossy) -> str:
    """Its figures stand in the table of all figures layer by layer."""
    read, follows = layer_values(lossy)
    if not len(read) == len(follows) == len(lossy.layers):
        return ""  # single tokens were not asked for
    return draw_series(
        [
            Series("I(X;Z): what was read", "input", read),
            Series("I(Y;Z): what comes next", "output", follows),
        ],
        [str(layer.layer) for layer in lossy.layers],
        ("Layer (0 is the embedding)", "Corrected information, ln(bins)"),
        f"Information by layer, {_size(lossy)}. Single tokens as labels, mean over anchor seeds.",
        f"layers-{name}",
    )


_SIDES: tuple[Side, Side] = ("input", "output")


def render_convergence(name: str, lossy: Lossy) -> str:
    """Optimality for single tokens from a part of the positions, plug-in and corrected."""
    shares = {(s.positions, s.side): s for s in lossy.convergence if _is_single_token(s)}
    whole = {side: over_layers(lossy, "token", side, 1) for side in _SIDES}
    read, follows = whole["input"], whole["output"]
    counts = sorted({positions for positions, _ in shares})
    if not counts or read is None or follows is None:
        return ""
    ratios = []
    for positions in counts:
        x, y = (shares[positions, side] for side in _SIDES)
        ratios.append((y.plug_in / x.plug_in, (y.plug_in - y.null) / (x.plug_in - x.null)))
    plug_in, corrected = zip(
        *ratios,
        (
            float(follows.plug_in.mean() / read.plug_in.mean()),
            float(follows.corrected.mean() / read.corrected.mean()),
        ),
        strict=True,
    )
    steps = [str(n) for n in (*counts, lossy.positions)]
    summary = (
        f"Optimality with single tokens as labels, from parts of {_size(lossy)}. From the "
        f"smallest part to all of them the plug-in moves by {_change(plug_in)}, the corrected "
        f"estimate by {_change(corrected)}: only figures of equal numbers of positions compare."
    )
    series = [Series("plug-in", "output", plug_in), Series("corrected", "input", corrected)]
    table_id = f"convergence-{name}"
    chart = draw_series(series, steps, ("Positions used", "Optimality"), summary, table_id)
    header = [("Positions", True), ("Plug-in", True), ("Corrected", True)]
    rows = [
        [step, number(one, 4), number(other, 4)]
        for step, one, other in zip(steps, plug_in, corrected, strict=True)
    ]
    caption = f"Optimality from parts of {_size(lossy)}, single tokens"
    return chart + folded_figures(table_id, caption, header, rows)


def _is_single_token(share: Share) -> bool:
    return (share.unit, share.order) == ("token", 1)


def _change(values: Sequence[float]) -> str:
    """From the first to the last, in per cent with its sign."""
    change = 100 * (values[-1] / values[0] - 1)
    return f"{'+' if change > 0 else ''}{number(change, 0)} %"


def _details(name: str, lossy: Lossy) -> str:
    """What an order adds to the one before, and what is left."""
    columns = (
        "Contextual I(X;Z)",
        "Contextual I(Y;Z)",
        "Regularity I(X;Z) / H(Z)",
        "Variation H(Z|X)",
    )
    header = [("Labels", False)] + [(column, True) for column in columns]
    entropy = fmean(value for layer in lossy.layers[1:] for value in layer.entropy)
    rows: list[list[str]] = []
    before: dict[Side, float] = {}
    last_unit: Unit | None = None
    for unit, order in _label_sets(lossy):
        found = {side: over_layers(lossy, unit, side, order) for side in _SIDES}
        values = {side: _mean(one) for side, one in found.items() if one is not None}
        if len(values) < 2:
            continue
        if unit != last_unit:
            before, last_unit = {"input": 0.0, "output": 0.0}, unit
        added = [number(values[side] - before[side], 4) for side in _SIDES]
        read = values["input"]
        shares = [number(read / entropy, 3), number(entropy - read, 4)]
        rows.append([label_words(unit, order), *added, *shares])
        before = values
    caption = (
        f"What longer labels add, and what they leave, {_size(lossy)}. Contextual information is "
        f"less that of the row above of the same kind; H(Z) is {number(entropy, 4)}. Variation at "
        "the longest labels is the residual."
    )
    body = table(f"context-{name}", caption, header, rows)
    return (
        f"<details><summary>Contextual information, regularity, variation</summary>{body}</details>"
    )


def _mean(found: OverLayers) -> float:
    return float(found.corrected.mean())


def _layers(name: str, lossy: Lossy) -> str:
    columns = ["H(Z)", "Ceiling", "Effective rank"]
    columns += ["Plug-in I(X;Z)", "Null", "Corrected", "Plug-in I(Y;Z)", "Null", "Corrected"]
    header = [("Layer", False)] + [(column, True) for column in columns]
    rows = [
        [
            str(layer.layer) if layer.layer else "0 (embedding)",
            number(fmean(layer.entropy), 4),
            number(fmean(layer.ceiling), 4),
            number(layer.effective_rank, 1),
            *(cell for side in _SIDES for cell in _layer_cells(_at(layer, side))),
        ]
        for layer in lossy.layers
    ]
    caption = (
        f"Layer by layer, {_size(lossy)}. Single tokens as labels; means over anchor seeds, "
        "± standard error over documents"
    )
    body = table(f"layers-{name}", caption, header, rows)
    return f"<details><summary>All figures layer by layer</summary>{body}</details>"


def _layer_cells(found: LayerInformation | None) -> Sequence[str]:
    if found is None:
        return (UNKNOWN,) * 3
    corrected = number(_corrected(found), 4)
    if found.standard_error is not None:
        corrected += f" ± {number(found.standard_error, 4)}"
    return (
        number(fmean(found.plug_in), 4),
        number(fmean(found.null), 4),
        corrected,
    )
