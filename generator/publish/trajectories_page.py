"""Figures over training: measured checkpoints, and published ones of runs with several."""

from collections.abc import Mapping, Sequence

import pandas as pd

from generator.publish.lines import Run, draw_runs
from generator.publish.text import count, counted, escape, number, table, tag
from generator.tables.cohorts import Cohort

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
    summary = f"{title}: {label.lower()} over training tokens, measured here."
    return _chart(f"{name}-{quantity}", runs, label, summary, times)


def _run(label: str, tokens: Sequence[float], values: Sequence[float], times: float) -> Run:
    titles = tuple(
        f"{label}, {count(seen)} tokens: {number(times * value, 4)}"
        for seen, value in zip(tokens, values, strict=True)
    )
    return Run(label, tuple(map(float, tokens)), tuple(map(float, values)), titles)


def _chart(name: str, runs: Sequence[Run], label: str, summary: str, times: float) -> str:
    """The chart of one quantity, with its figures in a table."""
    if not runs:
        return ""
    shown = sorted(runs, key=lambda run: (-len(run.xs), run.label))[:SHOWN_RUNS]
    shown.sort(key=lambda run: run.label)
    if len(runs) > len(shown):
        summary += f" {counted(len(shown), 'run')} of {len(runs)}; all are in the download."
    summary += f" n = {sum(len(run.xs) for run in shown)} checkpoints."
    chart = draw_runs(shown, ("Training tokens", label), summary, True, times)
    header = [("Run", False), ("Training tokens", True), (label, True)]
    rows = [
        [escape(run.label), f'<span data-value="{x:.9g}">{count(x)}</span>', number(times * y, 4)]
        for run in shown
        for x, y in zip(run.xs, run.ys, strict=True)
    ]
    body = table(f"run-{name}", f"{label} by training tokens", header, rows)
    return (
        f"<div>{chart}<details><summary>The figures of this chart</summary>{body}</details></div>"
    )


def _plane_chart(name: str, rows: pd.DataFrame, title: str) -> str:
    """The path of each run over the information plane: fitting goes up, compressing to the left."""
    wide = rows.pivot_table(
        index=["model", "tokens_seen"], columns="quantity", values="value", aggfunc="first"
    )
    if not {"complexity", "expressivity"} <= set(wide.columns):
        return ""
    runs = []
    for model, own in wide.dropna(subset=["complexity", "expressivity"]).groupby("model"):
        if len(own) < FEWEST_POINTS:
            continue
        seen = [float(tokens) for _, tokens in own.index]
        marks = tuple(f"{model}, {count(tokens)} tokens" for tokens in seen)
        runs.append(Run(str(model), tuple(own["complexity"]), tuple(own["expressivity"]), marks))
    if not runs:
        return ""
    summary = (
        f"{title}: the path of each run over the information plane, in order of tokens seen. "
        "Hollow: its first checkpoint; large: its last. "
        "Upwards and to the right is fitting; to the left is compressing."
    )
    labels = ("Complexity, ln(bins)", "Expressivity, ln(bins)")
    return f"<div>{draw_runs(runs[:SHOWN_RUNS], labels, summary, ends=True)}</div>"


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
        summary = f"{cohort.title}: {label.lower()} over training tokens."
        charts += _chart(f"{cohort.name}-{column}", runs, label, summary, times)
    if not charts:
        return ""
    return f"<h2>{escape(cohort.title)} {tag('published')}</h2><div class='runs'>{charts}</div>"
