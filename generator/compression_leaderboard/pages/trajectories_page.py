"""The page Trajectories: figures over training, measured and published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.measured import CheckpointFigure
from compression_leaderboard.pages.charts import Chart, Curve, draw_curves
from compression_leaderboard.pages.rendering import Renderer, count, number

SHOWN_RUNS = 12  # lines of one chart; the download has all
FEWEST_POINTS = 3
LABELS = {
    "bits_per_byte": "Bits per byte (lower is better)",
    "optimality": "Optimality",
    "complexity": "Complexity, ln(bins)",
    "expressivity": "Expressivity, ln(bins)",
    "preference_information": "Preference information, ln(bins)",
    "mean_score": "Mean score, %",
}
PLANE = ("complexity", "expressivity")
Points = list[tuple[float, float]]  # training tokens and a figure of each checkpoint
Checkpoint = tuple[float, tuple[float, ...]]  # training tokens and the charted figures


@dataclass(frozen=True)
class RunChart:
    """One figure over training tokens, or the paths of runs over the information plane.

    labels: of the figures. rows: run, tokens and figures of each checkpoint. shown: runs of
    the chart, of `total`.
    """

    id: str  # of the table with its figures
    labels: Sequence[str]
    rows: Sequence[tuple[str, float, tuple[float, ...]]]
    shown: int
    total: int
    chart: Chart


@dataclass(frozen=True)
class Section:
    """The charts of one text, suite or source."""

    title: str
    provenance: str
    charts: Sequence[RunChart]


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
        _measured(name, [figure for figure in figures if figure.name == name], titles)
        for name in sorted({figure.name for figure in figures})
    ]
    sections += [_published(cohort) for cohort in cohorts if cohort.provenance == "published"]
    return render("trajectories.html", sections=[s for s in sections if s.charts])


def _measured(name: str, figures: Sequence[CheckpointFigure], titles: Mapping[str, str]) -> Section:
    runs: dict[str, dict[str, Points]] = {quantity: {} for quantity in LABELS}
    for figure in figures:
        if figure.tokens_seen is not None:
            of_model = runs[figure.quantity].setdefault(titles.get(figure.model, figure.model), [])
            of_model.append((figure.tokens_seen, figure.figure.value))
    charts = [_over_plane(name, *(runs[quantity] for quantity in PLANE))]
    for quantity, points in runs.items():
        times = 100 if quantity == "mean_score" else 1
        charts.append(_over_tokens(f"{name}-{quantity}", LABELS[quantity], points, times))
    return Section(titles.get(name, name), "measured", [chart for chart in charts if chart])


def _published(cohort: Cohort) -> Section:
    """Chart runs with several published checkpoints: one family and size, other tokens."""
    compression = f"Average {cohort.unit} (lower is better)"
    charts = []
    for name, key, label, times in (
        ("compression", cohort.mean_compression, compression, 1),
        ("score", cohort.mean_score, LABELS["mean_score"], 100),
    ):
        runs: dict[tuple[str, float], dict[float, float]] = {}
        for row in cohort.rows:
            value, size, tokens = row.value(key), row.parameters, row.training_tokens
            known = row.value(cohort.mean_compression) is not None
            if known and value is not None and size is not None and tokens is not None:
                runs.setdefault((row.family, size), {}).setdefault(tokens, value)
        points = {
            f"{family}, {count(size)}": sorted(runs[family, size].items())
            for family, size in sorted(runs)
        }
        charts.append(_over_tokens(f"{cohort.name}-{name}", label, points, times))
    return Section(cohort.title, "published", [chart for chart in charts if chart])


def _over_tokens(
    name: str, label: str, points: Mapping[str, Points], times: float
) -> RunChart | None:
    """Chart one figure. times: what it is multiplied by, 100 for per cent."""
    runs = {
        run: [(tokens, (times * value,)) for tokens, value in values if tokens]
        for run, values in points.items()
    }
    return _chart(name, [label], runs)


def _over_plane(
    name: str, complexity: Mapping[str, Points], expressivity: Mapping[str, Points]
) -> RunChart | None:
    """Chart the path of each run: fitting goes up, compressing to the left."""
    runs = {}
    for run in complexity.keys() & expressivity.keys():
        # Of several number formats at the same number of tokens, the first counts.
        xs, ys = (dict(reversed(of_runs[run])) for of_runs in (complexity, expressivity))
        runs[run] = [(tokens, (xs[tokens], ys[tokens])) for tokens in sorted(xs.keys() & ys.keys())]
    return _chart(f"{name}-plane", [LABELS[quantity] for quantity in PLANE], runs)


def _chart(
    name: str, labels: Sequence[str], runs: Mapping[str, Sequence[Checkpoint]]
) -> RunChart | None:
    """Chart the runs of most checkpoints; return None if no run has enough of them."""
    long = {run: points for run, points in runs.items() if len(points) >= FEWEST_POINTS}
    if not long:
        return None
    longest = sorted(long, key=lambda run: (-len(long[run]), run))[:SHOWN_RUNS]
    is_path = len(labels) == 2
    curves, rows = [], []
    for run in sorted(longest):
        rows += [(run, tokens, figures) for tokens, figures in long[run]]
        titles = [f"{run}, {count(tokens)} tokens" for tokens, _ in long[run]]
        if is_path:
            xs, ys = zip(*(figures for _, figures in long[run]), strict=True)
        else:
            xs, ys = zip(*((tokens, value) for tokens, (value,) in long[run]), strict=True)
            titles = [f"{title}: {number(y, 4)}" for title, y in zip(titles, ys, strict=True)]
        curves.append(Curve(run, xs, ys, titles))
    chart = draw_curves(curves, is_logarithmic=not is_path, with_ends=is_path)
    return RunChart(f"run-{name}", labels, rows, len(curves), len(long), chart)
