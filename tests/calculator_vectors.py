"""The cases of tests/vectors/calculator.json, which Python and predict.js must answer alike.

`python -m tests.calculator_vectors` writes the file anew; review its diff.
"""

import json
from typing import Any

import numpy as np
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.fits.curves import FORMS, Problems, apply_form, fit_form
from compression_leaderboard.fits.predict import ASKED, with_figures
from compression_leaderboard.fits.study import study_cohort
from compression_leaderboard.pages.predict_page import SIZES, calculator_json

from tests.published_cohorts import COHORTS, mean_studies, published_cohorts
from tests.vector_files import as_values, write_vectors

NAME = "calculator.json"
ABOUT = "Figures and predictions; written by `python -m tests.calculator_vectors`."
Values = dict[str, Any]


def make_boards() -> list[Values]:
    """The calculator's data of every published cohort."""
    return list(json.loads(calculator_json(list(published_cohorts().values()), mean_studies())))


def questions(board: Values) -> dict[str, dict[str, float]]:
    """Figures in the middle of the models', beyond them on both sides, and only what is needed."""
    middle = {f["column"]: (f["low"] + f["high"]) / 2 for f in board["fields"]}
    needed = {f["column"]: 0.9 * middle[f["column"]] for f in board["fields"] if f["needed"]}
    better = {f["column"]: 0.6 * f["low"] for f in board["fields"]}
    worse = {f["column"]: 1.3 * f["high"] for f in board["fields"]}
    return {"middle": middle, "better": better, "worse": worse, "needed": needed}


def make_cases(board: Values) -> list[Values]:
    cohort = published_cohorts()[board["name"]]
    return [
        {
            "board": board["name"],
            "kind": kind,
            "figures": figures,
            "answer": answer(cohort, figures),
        }
        for kind, figures in questions(board).items()
    ]


def answer(cohort: Cohort, figures: dict[str, float]) -> Values:
    """Predict a mean score as `leaderboard predict` does."""
    keys = {key.id: key for key in (*SIZES, *(column.key for column in cohort.compression))}
    asked = with_figures(cohort, {keys[name]: value for name, value in figures.items()})
    (study,) = study_cohort(asked, only=["score"]).benchmarks
    (prediction,) = (p for p in study.predictions if p.model == ASKED)
    return {
        "value": prediction.value,
        "ends": [list(ends) for ends in prediction.intervals],
        "extrapolation": prediction.extrapolation,
    }


def make_curves() -> list[Values]:
    """Every form, also those that no cohort chooses today, far beyond its training rows."""
    x = np.linspace(-2, 2, 24)[:, None]
    scores = 0.3 + 0.5 / (1 + np.exp(-2 * x)) + 0.02 * np.sin(9 * x)
    problems = Problems(scores, np.ones_like(scores), np.array([0.25]), np.array([1.0]))
    places = np.linspace(-4, 4, 33)[:, None]
    curves = []
    for form in FORMS:
        parameters = fit_form(form, x[:, :0] if form == "mean" else x, problems)
        at = places[:, :0] if form == "mean" else places
        heights = apply_form(form, parameters, at, problems.chance, problems.ceiling)[:, 0]
        curve = {"form": form, "parameters": parameters[0].tolist()}
        curves.append({"curve": curve, "places": at.tolist(), "heights": heights.tolist()})
    return curves


def make_vectors() -> Values:
    """The contents of the file, as plain values."""
    boards = make_boards()
    return as_values(
        {
            "about": ABOUT,
            "boards": boards,
            "cases": [case for board in boards for case in make_cases(board)],
            "limits": {"chance": 0.25, "ceiling": 1.0},
            "curves": make_curves(),
        }
    )


if __name__ == "__main__":
    assert set(COHORTS) == {board["name"] for board in make_boards()}
    write_vectors(NAME, make_vectors())
