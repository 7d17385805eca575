"""The page of the information plane, and the method page's picture of its bias."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from compression_leaderboard.board.figures import Column, Key, Row
from compression_leaderboard.pages.board_table import BoardTable
from compression_leaderboard.pages.charts import Chart, Curve, draw_curves, draw_marks, draw_steps
from compression_leaderboard.pages.leaderboard import make_marks
from compression_leaderboard.pages.record_sections import layer_values, view_convergence
from compression_leaderboard.pages.rendering import Renderer
from compression_leaderboard.records.models import Model
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

TABLE_ROWS = 100  # of the table below a chart; the download has all
NAMED = 6  # so many marks or fewer have their names beside them


def layer_files(
    render: Renderer, entries: Iterable[StoredResult], models: Mapping[str, Model]
) -> dict[str, bytes]:
    """Draw complexity and expressivity layer by layer: one small file per model, charts by text.

    entries: current records of final weights.
    """
    by_model: dict[str, dict[str, str]] = {}
    for entry in entries:
        result = entry.result
        if result.lossy is None:
            continue
        read, follows = layer_values(result.lossy)
        if not len(read) == len(follows) > 0:
            continue
        names = ["the embedding", *(f"layer {k}" for k in range(1, len(read)))]
        path = Curve(f"from the embedding to {names[-1]}", read, follows, names)
        by_model.setdefault(result.model, {})[result.name] = render(
            "layers.html",
            id=f"layers-{result.name}-{result.model}",
            title=models[result.model].title,
            layers=list(zip(names, read, follows, strict=True)),
            chart=draw_curves([path]),
        )
    return {
        f"docs/plane/{model}.json": json.dumps(charts, sort_keys=True).encode()
        for model, charts in sorted(by_model.items())
    }


@dataclass(frozen=True)
class Plane:
    """The models of one kind on one text, and the table whose data their marks show."""

    board: BoardTable
    kind: str
    text: Column
    rows: Sequence[Row]

    @property
    def complexity(self) -> Key:
        return self.text.key._replace(quantity="complexity")

    @property
    def expressivity(self) -> Key:
        return self.text.key._replace(quantity="expressivity")

    @property
    def optimality(self) -> Key:
        return self.text.key._replace(quantity="optimality")

    @property
    def by_optimality(self) -> list[Row]:
        """The rows, the highest optimality first."""
        return sorted(self.rows, key=lambda row: -(row.value(self.optimality) or 0.0))

    @property
    def chart(self) -> Chart:
        named = len(self.rows) <= NAMED
        marks = make_marks(self.board, self.rows, self.complexity, self.expressivity, named)
        return draw_marks(marks, is_bounded=True, shown_times=1)


def render_plane_page(render: Renderer, boards: Sequence[BoardTable]) -> Markup:
    """Show a chart for each text and kind of model, or a row if only one model is measured."""
    planes = _planes(boards)
    return render(
        "plane.html",
        planes=[plane for plane in planes if len(plane.rows) > 1],
        single=[plane for plane in planes if len(plane.rows) == 1],
        table_rows=TABLE_ROWS,
    )


def _planes(boards: Iterable[BoardTable]) -> list[Plane]:
    """Take each kind and text once: tables that differ in benchmarks alone share their models."""
    planes: dict[tuple[str, str], Plane] = {}
    for board in boards:
        if board.cohort.provenance != "measured":
            continue
        for text in board.cohort.compression:
            keys = {text.key._replace(quantity=name) for name in ("complexity", "expressivity")}
            rows = [row for row in board.cohort.rows if keys <= row.figures.keys()]
            for kind in sorted({str(row.kind) for row in rows}):
                of_kind = [row for row in rows if row.kind == kind]
                planes.setdefault((kind, text.name), Plane(board, kind, text, of_kind))
    return list(planes.values())


def render_bias(render: Renderer, specs: Specs, current: Sequence[StoredResult]) -> Markup:
    """Show plug-in against null, and the optimality that follows, by number of positions."""
    entry = _widest(current)
    convergence = entry and entry.result.lossy and view_convergence(entry.result.lossy)
    if not entry or not convergence:
        return render("bias.html", entry=None)
    positions, plug_in, null = zip(*convergence.read, strict=True)
    lines = [("plug-in", "output", plug_in), ("null", "input", null)]
    return render(
        "bias.html",
        entry=entry,
        model=specs.models[entry.result.model],
        corpus=specs.corpora[entry.result.name],
        convergence=convergence,
        chart=draw_steps(lines, [str(n) for n in positions]),
    )


def _widest(current: Sequence[StoredResult]) -> StoredResult | None:
    """Return the record of the most positions; among equals, that of the largest model."""
    entries = [e for e in current if e.result.lossy and e.result.lossy.convergence]

    def rank(entry: StoredResult) -> tuple[int, int, str]:
        lossy, subject = entry.result.lossy, entry.result.subject
        return lossy.positions if lossy else 0, subject.parameters if subject else 0, entry.file

    return max(entries, key=rank, default=None)
