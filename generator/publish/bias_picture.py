"""The picture of the method page: the known bias of the plug-in, on a record of this board."""

from collections.abc import Sequence

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.publish.chart import Series, draw_series, folded_figures
from generator.publish.measured_parts import record_path
from generator.publish.plane_parts import render_convergence
from generator.publish.text import escape, number
from generator.records.plane import Lossy
from generator.tables.derive import over_layers
from generator.tables.measured import current_results


def render_bias(specs: Specs, stored: Sequence[StoredResult]) -> str:
    """Plug-in against null, and the optimality that follows, by number of positions."""
    entry = _widest(specs, stored)
    if entry is None or entry.result.lossy is None:
        return "<p>No record with a plane is on the board yet, so there is no picture.</p>"
    result, lossy = entry.result, entry.result.lossy
    model, corpus = specs.models[result.model], specs.corpora[result.name]
    seeds = len(lossy.layers[0].entropy)
    link = f'<a href="../{escape(record_path(entry))}">record {result.run_id}</a>'
    about = (
        f"<p>Measured: {escape(model.title)} on {escape(corpus.title)}, {lossy.positions} "
        f"positions in {lossy.documents} documents and nested parts of them; single tokens as "
        f"labels; means over layers 1 to {len(lossy.layers) - 1} and {seeds} anchor seeds "
        f"({link}).</p>"
    )
    return about + _draw_null(lossy) + render_convergence("method", lossy)


def _widest(specs: Specs, stored: Sequence[StoredResult]) -> StoredResult | None:
    """The record of the most positions, of these that of the largest model."""
    found = [
        entry
        for entry in current_results(specs, stored)
        if entry.result.lossy and entry.result.lossy.convergence
        if entry.result.model in specs.models
    ]

    def rank(entry: StoredResult) -> tuple[int, int, str]:
        lossy, subject = entry.result.lossy, entry.result.subject
        return lossy.positions if lossy else 0, subject.parameters if subject else 0, entry.file

    return max(found, key=rank, default=None)


def _draw_null(lossy: Lossy) -> str:
    """What labels dealt at random would show, beside what the real ones show."""
    parts = {s.positions: s for s in lossy.convergence if _is_input_token(s.unit, s.side, s.order)}
    whole = over_layers(lossy, "token", "input", 1)
    if not parts or whole is None:
        return ""
    counts = sorted(parts)
    found = float(whole.plug_in.mean())
    plug_in = (*(parts[n].plug_in for n in counts), found)
    null = (*(parts[n].null for n in counts), found - float(whole.corrected.mean()))
    summary = (
        f"Information about the token read, I(X;Z). From {counts[0]} positions the plug-in is "
        f"{number(plug_in[0], 3)}, and {number(null[0], 3)} of it is what labels dealt at random "
        f"would show; from {lossy.positions} it is {number(plug_in[-1], 3)}, {number(null[-1], 3)} "
        "of it null. The gap between the lines is the corrected value."
    )
    series = [Series("plug-in", "output", plug_in), Series("null", "input", null)]
    steps = [str(n) for n in (*counts, lossy.positions)]
    labels, table_id = ("Positions used", "I(X;Z), ln(bins)"), "null-method"
    chart = draw_series(series, steps, labels, summary, table_id)
    header = [("Positions", True), ("Plug-in", True), ("Null", True), ("Corrected", True)]
    rows = [
        [step, *(number(value, 4) for value in (shown, chance, shown - chance))]
        for step, shown, chance in zip(steps, plug_in, null, strict=True)
    ]
    caption = f"Information about the token read, I(X;Z), from up to {lossy.positions} positions"
    return chart + folded_figures(table_id, caption, header, rows)


def _is_input_token(unit: str, side: str, order: int) -> bool:
    return (unit, side, order) == ("token", "input", 1)
