"""Figures over training: measured checkpoints, and published ones of runs with several."""

from collections.abc import Mapping, Sequence

import pandas as pd

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.pages.charts import Run, draw_runs, folded_figures
from compression_leaderboard.pages.text import count, counted, escape, number, tag, valued

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


def render_trajectories(
    frame: pd.DataFrame, cohorts: Sequence[Cohort], titles: Mapping[str, str]
) -> str:
    """frame: rows of trajectories.csv. titles: of texts and suites by name, of models by id."""
    frame = frame.assign(model=[titles.get(model, model) for model in frame["model"]])
    parts = []
    for name, rows in frame.groupby("name", sort=True):
        title = titles.get(str(name), str(name))
        charts = _plane_chart(str(name), rows, title) + "".join(
            _measured_chart(str(name), rows, quantity, title) for quantity in QUANTITIES
        )
        if charts:
            parts.append(
                f"<h2>{escape(title)} {tag('measured')}</h2><div class='runs'>{charts}</div>"
            )
    parts += [_published(cohort) for cohort in cohorts if cohort.provenance == "published"]
    found = "".join(part for part in parts if part)
    return found or "<p class='notice'>No training run with checkpoints is measured yet.</p>"


def _measured_chart(name: str, rows: pd.DataFrame, quantity: str, title: str) -> str:
    label, times = QUANTITIES[quantity]
    chosen = rows[(rows["quantity"] == quantity) & (rows["tokens_seen"].astype(float) > 0)]
    runs = [
        _run(str(model), list(own["tokens_seen"]), list(own["value"]), times)
        for model, own in chosen.groupby("model", sort=True)
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


def _chart(name: str, runs: Sequence[Run], label: str, what: str, times: float) -> str:
    """The chart of one quantity, with its figures in a table. what: begins its summary."""
    if not runs:
        return ""
    shown = _longest(runs)
    summary, table_id = f"{what}. {_shown_of(shown, runs)}", f"run-{name}"
    chart = draw_runs(shown, ("Training tokens", label), summary, table_id, True, times)
    header = [("Run", False), ("Training tokens", True), (label, True)]
    rows = [
        [escape(run.label), valued(count(x), x), number(times * y, 4)]
        for run in shown
        for x, y in zip(run.xs, run.ys, strict=True)
    ]
    caption = f"{label} by training tokens. {_shown_of(shown, runs)}"
    return f"<div>{chart}{folded_figures(table_id, caption, header, rows)}</div>"


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


def _plane_chart(name: str, rows: pd.DataFrame, title: str) -> str:
    """The path of each run over the information plane: fitting goes up, compressing to the left."""
    wide = rows.pivot_table(
        index=["model", "tokens_seen"], columns="quantity", values="value", aggfunc="first"
    )
    if not {"complexity", "expressivity"} <= set(wide.columns):
        return ""
    runs, tokens_of = [], {}
    for model, own in wide.dropna(subset=["complexity", "expressivity"]).groupby("model"):
        if len(own) < FEWEST_POINTS:
            continue
        seen = tokens_of[str(model)] = [float(tokens) for _, tokens in own.index]
        marks = tuple(f"{model}, {count(tokens)} tokens" for tokens in seen)
        runs.append(Run(str(model), tuple(own["complexity"]), tuple(own["expressivity"]), marks))
    if not runs:
        return ""
    shown = _longest(runs)
    summary = (
        f"{title}: the path of each run over the information plane, in order of tokens seen, "
        f"measured here. {_shown_of(shown, runs)} "
        "Hollow: its first checkpoint; large: its last. "
        "Upwards and to the right is fitting; to the left is compressing."
    )
    labels, table_id = ("Complexity, ln(bins)", "Expressivity, ln(bins)"), f"run-{name}-plane"
    chart = draw_runs(shown, labels, summary, table_id, ends=True)
    header = [("Run", False), ("Training tokens", True), *((label, True) for label in labels)]
    lines = [
        [escape(run.label), valued(count(tokens), tokens), number(x, 4), number(y, 4)]
        for run in shown
        for tokens, x, y in zip(tokens_of[run.label], run.xs, run.ys, strict=True)
    ]
    caption = f"Complexity and expressivity by training tokens. {_shown_of(shown, runs)}"
    return f"<div>{chart}{folded_figures(table_id, caption, header, lines)}</div>"


def _published(cohort: Cohort) -> str:
    """Runs of which the source gives several checkpoints: same size and family, other tokens."""
    rows = cohort.rows.dropna(subset=["compression", "training_tokens", "parameters"])
    charts = ""
    for column, label, times in (
        ("compression", f"Average {cohort.compression[0].unit} (lower is better)", 1.0),
        ("score", "Mean score, %", 100.0),
    ):
        runs = []
        known = rows.dropna(subset=[column])
        for _, own in known.groupby(["family", "parameters"], sort=True):
            ordered = own.drop_duplicates("training_tokens").sort_values("training_tokens")
            if len(ordered) >= FEWEST_POINTS:
                first = ordered.iloc[0]
                named = f"{first['family']}, {count(first['parameters'])}"
                tokens, values = list(ordered["training_tokens"]), list(ordered[column])
                runs.append(_run(named, tokens, values, times))
        what = f"{cohort.title}: {_inside(label)} over training tokens"
        charts += _chart(f"{cohort.name}-{column}", runs, label, what, times)
    if not charts:
        return ""
    return f"<h2>{escape(cohort.title)} {tag('published')}</h2><div class='runs'>{charts}</div>"
