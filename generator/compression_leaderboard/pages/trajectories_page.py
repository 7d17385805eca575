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
PLANE = ("Complexity, ln(bins)", "Expressivity, ln(bins)")
QUANTITIES = {
    "bits_per_byte": ("Bits per byte (lower is better)", 1.0),
    "optimality": ("Optimality", 1.0),
    "complexity": (PLANE[0], 1.0),
    "expressivity": (PLANE[1], 1.0),
    "preference_information": ("Preference information, ln(bins)", 1.0),
    "mean_score": ("Mean score, %", 100.0),
}


@dataclass(frozen=True)
class Charted:
    """A chart and the table of its figures."""

    chart: Chart
    table: Table


@dataclass(frozen=True)
class Section:
    """The charts of one text, suite or source."""

    title: str
    provenance: str
    charts: Sequence[Charted]


def render_trajectories(
    render: Renderer,
    figures: Sequence[CheckpointFigure],
    cohorts: Sequence[Cohort],
    titles: Mapping[str, str],
) -> Markup:
    """Chart what was measured by text or suite, then what was published by source.

    titles: of texts and suites by name, of models by id.
    """
    sections = [
        _measured(name, titles.get(name, name), [
            replace(f, model=titles.get(f.model, f.model)) for f in figures if f.name == name
        ])
        for name in sorted({figure.name for figure in figures})
    ]  # fmt: skip
    sections += [_published(cohort) for cohort in cohorts if cohort.provenance == "published"]
    return render("trajectories.html", sections=[s for s in sections if s.charts])


def _measured(name: str, title: str, figures: Sequence[CheckpointFigure]) -> Section:
    charts = [
        _plane_chart(name, figures, title),
        *(_measured_chart(name, figures, quantity, title) for quantity in QUANTITIES),
    ]
    return Section(title, "measured", [chart for chart in charts if chart])


def _by_model(figures: Iterable[CheckpointFigure]) -> dict[str, list[CheckpointFigure]]:
    by_model: dict[str, list[CheckpointFigure]] = {}
    for figure in figures:
        by_model.setdefault(figure.model, []).append(figure)
    return dict(sorted(by_model.items()))


def _measured_chart(
    name: str, figures: Sequence[CheckpointFigure], quantity: str, title: str
) -> Charted | None:
    label, times = QUANTITIES[quantity]
    chosen = [f for f in figures if f.quantity == quantity and f.tokens_seen]
    runs = [
        _run(model, [f.tokens_seen or 0 for f in points], [f.figure.value for f in points], times)
        for model, points in _by_model(chosen).items()
        if len(points) >= FEWEST_POINTS
    ]
    return _chart(f"{name}-{quantity}", runs, label, title, times)


def _run(label: str, tokens: Sequence[float], values: Sequence[float], times: float) -> Run:
    titles = tuple(
        f"{label}, {count(seen)} tokens: {number(times * value, 4)}"
        for seen, value in zip(tokens, values, strict=True)
    )
    return Run(label, tuple(map(float, tokens)), tuple(map(float, values)), titles)


def _chart(name: str, runs: Sequence[Run], label: str, title: str, times: float) -> Charted | None:
    """The chart of one quantity over tokens, with its figures in a table."""
    if not runs:
        return None
    shown = _longest(runs)
    n, table_id = _shown_of(shown, runs), f"run-{name}"
    summary = f"{title}: {label[:1].lower()}{label[1:]} over training tokens. {n}"
    chart = draw_runs(shown, ("Training tokens", label), summary, table_id, True, times)
    rows: list[list[Cell | str]] = [
        [run.label, Cell(count(x), x), number(times * y, 4)]
        for run in shown
        for x, y in zip(run.xs, run.ys, strict=True)
    ]
    header = headings("Run", figures=("Training tokens", label))
    return Charted(chart, Table(table_id, f"{label} by training tokens. {n}", header, rows))


def _longest(runs: Sequence[Run]) -> list[Run]:
    """The runs of one chart, those of most checkpoints, in order of their names."""
    chosen = sorted(runs, key=lambda run: (-len(run.xs), run.label))[:SHOWN_RUNS]
    return sorted(chosen, key=lambda run: run.label)


def _shown_of(shown: Sequence[Run], runs: Sequence[Run]) -> str:
    """How many checkpoints and runs a chart shows."""
    points = counted(sum(len(run.xs) for run in shown), "checkpoint")
    if len(shown) == len(runs):
        return f"n = {points} of {counted(len(runs), 'run')}."
    return f"n = {points} of {len(shown)} of {len(runs)} runs."


def _plane_chart(name: str, figures: Sequence[CheckpointFigure], title: str) -> Charted | None:
    """The path of each run over the information plane: fitting goes up, compressing to the left."""
    runs, tokens_of = [], {}
    for model, of_model in _by_model(figures).items():
        points = _plane_points(of_model)
        if len(points) < FEWEST_POINTS:
            continue
        tokens, xs, ys = zip(*points, strict=True)
        marks = tuple(f"{model}, {count(seen)} tokens" for seen in tokens)
        tokens_of[model] = tokens
        runs.append(Run(model, xs, ys, marks))
    if not runs:
        return None
    shown = _longest(runs)
    n, table_id = _shown_of(shown, runs), f"run-{name}-plane"
    summary = f"{title}: paths over the information plane. {n}"
    chart = draw_runs(shown, PLANE, summary, table_id, ends=True)
    rows: list[list[Cell | str]] = [
        [run.label, Cell(count(seen), seen), number(x, 4), number(y, 4)]
        for run in shown
        for seen, x, y in zip(tokens_of[run.label], run.xs, run.ys, strict=True)
    ]
    caption = f"Complexity and expressivity by training tokens. {n}"
    header = headings("Run", figures=("Training tokens", *PLANE))
    return Charted(chart, Table(table_id, caption, header, rows))


def _plane_points(figures: Sequence[CheckpointFigure]) -> list[tuple[int, float, float]]:
    """Tokens, complexity and expressivity of each checkpoint that has both, in order of tokens."""
    by_tokens: dict[int, dict[str, float]] = {}
    for figure in figures:
        if figure.tokens_seen is not None:
            values = by_tokens.setdefault(figure.tokens_seen, {})
            values.setdefault(figure.quantity, figure.figure.value)
    return [
        (tokens, values["complexity"], values["expressivity"])
        for tokens, values in sorted(by_tokens.items())
        if {"complexity", "expressivity"} <= values.keys()
    ]


def _published(cohort: Cohort) -> Section:
    """Runs of which the source gives several checkpoints: same size and family, other tokens."""
    compression = (f"Average {cohort.unit} (lower is better)", 1.0)
    charts = []
    for column, key, (label, times) in (
        ("compression", cohort.mean_compression, compression),
        ("score", cohort.mean_score, QUANTITIES["mean_score"]),
    ):
        points: dict[tuple[str, float], dict[float, float]] = {}
        for row in cohort.rows:
            value, size, tokens = row.value(key), row.parameters, row.training_tokens
            known = row.value(cohort.mean_compression) is not None
            if known and value is not None and size is not None and tokens is not None:
                points.setdefault((row.family, size), {}).setdefault(tokens, value)
        runs = [
            _run(
                f"{family}, {count(size)}",
                sorted(values),
                [values[k] for k in sorted(values)],
                times,
            )
            for (family, size), values in sorted(points.items())
            if len(values) >= FEWEST_POINTS
        ]
        charts.append(_chart(f"{cohort.name}-{column}", runs, label, cohort.title, times))
    return Section(cohort.title, "published", [chart for chart in charts if chart])
