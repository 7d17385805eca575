"""Figures over training: measured checkpoints, and published ones of runs with several."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.trajectories import CheckpointFigure
from compression_leaderboard.pages.charts import Chart, Run, draw_runs
from compression_leaderboard.pages.rendering import Cell, Renderer, Table, headings
from compression_leaderboard.pages.text import count, counted, number

SHOWN_RUNS = 12  # lines of one chart; the download has all
FEWEST_POINTS = 3
QUANTITIES = {
    "bits_per_byte": ("Bits per byte (lower is better)", 1.0),
    "optimality": ("Optimality", 1.0),
    "complexity": ("Complexity, ln(bins)", 1.0),
    "expressivity": ("Expressivity, ln(bins)", 1.0),
    "preference_information": ("Preference information, ln(bins)", 1.0),
    "mean_score": ("Mean score, %", 100.0),
}


@dataclass(frozen=True)
class Curve:
    """A chart and the table of its figures."""

    chart: Chart
    table: Table


@dataclass(frozen=True)
class Section:
    """The curves of one text, suite or published source."""

    title: str
    provenance: str
    curves: Sequence[Curve]


def render_trajectories(
    render: Renderer,
    figures: Sequence[CheckpointFigure],
    cohorts: Sequence[Cohort],
    titles: Mapping[str, str],
) -> Markup:
    """titles: of texts and suites by name, of models by id."""
    sections = []
    for name in sorted({one.name for one in figures}):
        points = [replace(f, model=titles.get(f.model, f.model)) for f in figures if f.name == name]
        title = titles.get(name, name)
        curves = [_plane_chart(name, points, title)]
        curves += [_measured_chart(name, points, quantity, title) for quantity in QUANTITIES]
        sections.append(Section(title, "measured", [curve for curve in curves if curve]))
    sections += [_published(cohort) for cohort in cohorts if cohort.provenance == "published"]
    return render("trajectories.html", sections=[one for one in sections if one.curves])


def _by_model(figures: Iterable[CheckpointFigure]) -> dict[str, list[CheckpointFigure]]:
    models: dict[str, list[CheckpointFigure]] = {}
    for figure in figures:
        models.setdefault(figure.model, []).append(figure)
    return dict(sorted(models.items()))


def _measured_chart(
    name: str, figures: Sequence[CheckpointFigure], quantity: str, title: str
) -> Curve | None:
    label, times = QUANTITIES[quantity]
    chosen = [f for f in figures if f.quantity == quantity and f.tokens_seen]
    runs = [
        _run(model, [f.tokens_seen or 0 for f in own], [f.figure.value for f in own], times)
        for model, own in _by_model(chosen).items()
        if len(own) >= FEWEST_POINTS
    ]
    what = f"{title}: {_inside(label)} over training tokens, measured here"
    return _chart(f"{name}-{quantity}", runs, label, what, times)


def _run(label: str, tokens: Sequence[float], values: Sequence[float], times: float) -> Run:
    titles = tuple(
        f"{label}, {count(seen)} tokens: {number(times * value, 4)}"
        for seen, value in zip(tokens, values, strict=True)
    )
    return Run(label, tuple(map(float, tokens)), tuple(map(float, values)), titles)


def _chart(name: str, runs: Sequence[Run], label: str, what: str, times: float) -> Curve | None:
    """The chart of one quantity, with its figures in a table. what: begins its summary."""
    if not runs:
        return None
    shown = _longest(runs)
    summary, table_id = f"{what}. {_shown_of(shown, runs)}", f"run-{name}"
    chart = draw_runs(shown, ("Training tokens", label), summary, table_id, True, times)
    header = headings("Run", figures=("Training tokens", label))
    rows: list[list[Cell | str]] = [
        [run.label, Cell(count(x), x), number(times * y, 4)]
        for run in shown
        for x, y in zip(run.xs, run.ys, strict=True)
    ]
    caption = f"{label} by training tokens. {_shown_of(shown, runs)}"
    return Curve(chart, Table(table_id, caption, header, rows))


def _longest(runs: Sequence[Run]) -> list[Run]:
    """The runs of one chart, those of most checkpoints, in order of their names."""
    chosen = sorted(runs, key=lambda run: (-len(run.xs), run.label))[:SHOWN_RUNS]
    return sorted(chosen, key=lambda run: run.label)


def _shown_of(shown: Sequence[Run], runs: Sequence[Run]) -> str:
    """How much a chart shows of what there is."""
    points = counted(sum(len(run.xs) for run in shown), "checkpoint")
    if len(shown) == len(runs):
        return f"n = {points} of {counted(len(runs), 'run')}."
    return (
        f"n = {points} of {len(shown)} of {len(runs)} runs, those with most checkpoints; all are "
        "in the download."
    )


def _inside(label: str) -> str:
    """A label inside a sentence: its first letter is small."""
    return label[:1].lower() + label[1:]


def _plane_chart(name: str, figures: Sequence[CheckpointFigure], title: str) -> Curve | None:
    """The path of each run over the information plane: fitting goes up, compressing to the left."""
    runs, tokens_of = [], {}
    for model, own in _by_model(figures).items():
        by_tokens: dict[int, dict[str, float]] = {}
        for one in own:
            if one.tokens_seen is not None:
                held = by_tokens.setdefault(one.tokens_seen, {})
                held.setdefault(one.quantity, one.figure.value)
        points = [
            (tokens, held["complexity"], held["expressivity"])
            for tokens, held in sorted(by_tokens.items())
            if {"complexity", "expressivity"} <= held.keys()
        ]
        if len(points) < FEWEST_POINTS:
            continue
        tokens_of[model] = [float(tokens) for tokens, _, _ in points]
        marks = tuple(f"{model}, {count(tokens)} tokens" for tokens, _, _ in points)
        xs, ys = (tuple(point[k] for point in points) for k in (1, 2))
        runs.append(Run(model, xs, ys, marks))
    if not runs:
        return None
    shown = _longest(runs)
    summary = (
        f"{title}: the path of each run over the information plane, in order of tokens seen, "
        f"measured here. {_shown_of(shown, runs)} "
        "Hollow: its first checkpoint; large: its last. "
        "Upwards and to the right is fitting; to the left is compressing."
    )
    labels, table_id = ("Complexity, ln(bins)", "Expressivity, ln(bins)"), f"run-{name}-plane"
    chart = draw_runs(shown, labels, summary, table_id, ends=True)
    header = headings("Run", figures=("Training tokens", *labels))
    rows: list[list[Cell | str]] = [
        [run.label, Cell(count(tokens), tokens), number(x, 4), number(y, 4)]
        for run in shown
        for tokens, x, y in zip(tokens_of[run.label], run.xs, run.ys, strict=True)
    ]
    caption = f"Complexity and expressivity by training tokens. {_shown_of(shown, runs)}"
    return Curve(chart, Table(table_id, caption, header, rows))


def _published(cohort: Cohort) -> Section:
    """Runs of which the source gives several checkpoints: same size and family, other tokens."""
    curves = []
    for column, key, label, times in (
        (
            "compression",
            cohort.mean_compression,
            f"Average {cohort.unit} (lower is better)",
            1.0,
        ),
        ("score", cohort.mean_score, "Mean score, %", 100.0),
    ):
        points: dict[tuple[str, float], dict[float, float]] = {}
        for row in cohort.rows:
            value, size, tokens = row.value(key), row.parameters, row.training_tokens
            known = row.value(cohort.mean_compression) is not None
            if known and value is not None and size is not None and tokens is not None:
                points.setdefault((row.family, size), {}).setdefault(tokens, value)
        runs = [
            _run(f"{family}, {count(size)}", sorted(own), [own[k] for k in sorted(own)], times)
            for (family, size), own in sorted(points.items())
            if len(own) >= FEWEST_POINTS
        ]
        what = f"{cohort.title}: {_inside(label)} over training tokens"
        curves.append(_chart(f"{cohort.name}-{column}", runs, label, what, times))
    return Section(cohort.title, "published", [curve for curve in curves if curve])
