"""predict.json alone, with nothing but its own arithmetic, answers as `leaderboard predict`."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from compression_leaderboard.cli import app
from compression_leaderboard.fits.curves import FORMS, apply_form, fit_form
from compression_leaderboard.fits.least_squares import Problems
from compression_leaderboard.fits.study import study_cohort
from compression_leaderboard.pages.predict_page import calculator_json, render_calculator
from typer.testing import CliRunner

from tests.published_cohorts import COHORTS, mean_studies, published_cohorts

ROOT = Path(__file__).parent.parent
NUMBERS = ("prediction", "low80", "high80", "low95", "high95")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A repository that has the published cohorts only."""
    folder = tmp_path_factory.mktemp("predict")
    shutil.copytree(ROOT / "results/published", folder / "results/published")
    return folder


@pytest.fixture(scope="module")
def cohorts():
    return list(published_cohorts().values())


@pytest.fixture(scope="module")
def entries(cohorts) -> dict[str, dict]:
    return {one["name"]: one for one in json.loads(calculator_json(cohorts, mean_studies()))}


def ask(root: Path, cohort: str, figures: dict[str, float]) -> dict:
    """The answer of the command."""
    named = {key.removeprefix("compression."): value for key, value in figures.items()}
    given = [x for name, v in named.items() for x in ("--compression", f"{name}={v!r}")]
    wanted = ["--cohort", cohort, "--benchmark", "score", "--json"]
    found = CliRunner().invoke(app, ["predict", "--root", str(root), *wanted, *given])
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)[0]


def questions(entry: dict) -> dict[str, dict[str, float]]:
    """Figures in the middle of the models', beyond them on both sides, and only what is needed."""
    middle = {f["column"]: (f["low"] + f["high"]) / 2 for f in entry["fields"]}
    needed = {f["column"]: 0.9 * middle[f["column"]] for f in entry["fields"] if f["needed"]}
    better = {f["column"]: 0.6 * f["low"] for f in entry["fields"]}
    worse = {f["column"]: 1.3 * f["high"] for f in entry["fields"]}
    return {"middle": middle, "better": better, "worse": worse, "needed": needed}


def predictors(curve: dict, entry: dict, figures: dict[str, float]) -> list[float] | None:
    known = dict(figures)
    if all(name in figures for name in entry["average"]):
        known["compression"] = sum(figures[n] for n in entry["average"]) / len(entry["average"])
    if any(p["column"] not in known for p in curve["predictors"]):
        return None
    raw = [known[p["column"]] for p in curve["predictors"]]
    return [
        ((math.log(v) if p["log"] else v) - p["centre"]) / p["scale"]
        for v, p in zip(raw, curve["predictors"], strict=True)
    ]


def height(curve: dict, entry: dict, x: list[float]) -> float:
    form, b = curve["form"], curve["parameters"]
    if form == "monotone":
        knots, value = b[:3], b[3]
        edges, starts = [-math.inf, *knots, math.inf], [knots[0], *knots]
        for k, slope in enumerate(b[4:]):
            value += slope * (min(max(x[0], edges[k]), edges[k + 1]) - starts[k])
    elif form in ("mean", "line"):
        value = b[0] + sum(a * c for a, c in zip(b[1:], x, strict=True))
    else:
        low, *b = b if form == "floor" else [entry["chance"], *b]
        eta = b[0] + sum(a * c for a, c in zip(b[1:], x, strict=True))
        value = low + (entry["ceiling"] - low) / (1 + math.exp(-eta))
    return min(max(value, 0), entry["ceiling"])


def quantile(values: list[float], weights: list[float], share: float) -> float:
    reached = 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        reached += weight
        if reached >= share - 1e-9:
            return value
    return max(values)


def compute(entry: dict, figures: dict[str, float]) -> dict:
    fit, errors = entry["fit"], entry["errors"]
    x = predictors(fit, entry, figures)
    value = height(fit, entry, x)
    low, high = fit["reach"]
    beyond = max(value - high, low - value, 0)
    larger = figures.get("parameters", 0) > (entry["largest"] or math.inf)
    spread = entry["scale"]["larger" if larger else "spread"]
    scale = math.hypot(spread, entry["scale"]["growth"] * beyond)
    by_fold = []
    for curve in entry["folds"]:
        own = predictors(curve, entry, figures)
        by_fold.append(value if own is None else height(curve, entry, own))
    centres = [by_fold[k] for k in errors["fold"]]
    reach = [size * scale for size in errors["size"]]
    both = list(zip(centres, reach, strict=True))
    answer = {"prediction": value}
    for one in entry["intervals"]:
        if one["kind"] == "conformal":
            bottom = -quantile([r - c for c, r in both], errors["weight"], one["share"])
            top = quantile([c + r for c, r in both], errors["weight"], one["share"])
        else:
            bottom, top = value - one["half"] * scale, value + one["half"] * scale
        ends = min(bottom, value), max(top, value)
        ends = [min(max(end, 0), entry["ceiling"]) for end in ends]
        names = [f"{end}{100 * one['level']:.0f}" for end in ("low", "high")]
        answer |= dict(zip(names, ends, strict=True))
    outside = any(z < a - 1e-9 or z > b + 1e-9 for z, (a, b) in zip(x, fit["bounds"], strict=True))
    return answer | {"extrapolation": outside or beyond > 0 or larger}


def test_every_cohort_whose_mean_is_fitted_can_be_asked(cohorts, entries):
    assert tuple(entries) == COHORTS
    assert all(any(f["needed"] for f in one["fields"]) for one in entries.values())
    studies = {c.name: study_cohort(c, only=[]) for c in cohorts}
    assert render_calculator(cohorts, studies) == ""


@pytest.mark.parametrize("kind", ["middle", "better", "worse", "needed"])
@pytest.mark.parametrize(
    "cohort", ["pythia-v0", *(pytest.param(name, marks=pytest.mark.costly) for name in COHORTS[:3])]
)
def test_the_data_give_the_answer_of_the_command(root, entries, cohort, kind):
    entry = entries[cohort]
    figures = questions(entry)[kind]
    theirs, ours = ask(root, cohort, figures), compute(entry, figures)
    for name in NUMBERS:
        assert ours[name] == pytest.approx(theirs[name], abs=1e-9), name
    assert ours["extrapolation"] == theirs["extrapolation"] == (kind in ("better", "worse"))
    assert entry["fit"]["label"] == theirs["predictors"]
    assert [i["kind"] for i in entry["intervals"]] == [
        theirs["interval80"],
        theirs["interval95"],
    ]


def test_every_form_is_computed_as_the_fits_compute_it():
    """Also the forms that no cohort chooses today."""
    x = np.linspace(-2, 2, 24)[:, None]
    scores = 0.3 + 0.5 / (1 + np.exp(-2 * x)) + 0.02 * np.sin(9 * x)
    problems = Problems(scores, np.ones_like(scores), np.array([0.25]), np.array([1.0]))
    asked = np.linspace(-4, 4, 33)[:, None]
    for form in FORMS:
        own = x[:, :0] if form == "mean" else x
        found = fit_form(form, own, problems)
        where = asked[:, :0] if form == "mean" else asked
        theirs = apply_form(form, found, where, problems.chance, problems.ceiling)[:, 0]
        curve = {"form": form, "parameters": found[0].tolist()}
        ours = [height(curve, {"chance": 0.25, "ceiling": 1.0}, row.tolist()) for row in where]
        assert ours == pytest.approx(theirs.tolist(), abs=1e-12), form
