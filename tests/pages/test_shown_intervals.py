"""Intervals on pages and in the terminal are those of 95 %, by a second calculation."""

import re
from dataclasses import replace

import pytest
from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.board.figures import Key
from compression_leaderboard.choose import Request, choose, make_options
from compression_leaderboard.cli.ask import _lines
from compression_leaderboard.fits.evaluation import LeftOut, Prediction
from compression_leaderboard.intervals import Interval
from compression_leaderboard.pages.board_table import make_board_table
from compression_leaderboard.pages.charts import draw_validation
from compression_leaderboard.pages.model_page import find_standings
from compression_leaderboard.pages.site import render_choose

from tests.exported import renderer
from tests.factory import make_model, make_result, make_specs, store

INTERVALS = Interval(0.45, 0.55), Interval(0.41, 0.59)
PREDICTION = Prediction("m", Key("score", "a", "b"), 0.5, INTERVALS, "line", "average", False)


def options_of_a_score(stderr: float):
    """One model that scored 0.5 with this standard error, and no text."""
    model = make_model()
    (task,) = make_result(model, "suite").tasks
    task = replace(task, scores=(replace(task.scores[0], stderr=stderr),))
    stored = store(make_result(model, "suite", tasks=(task,)))
    return make_options(make_cohorts(make_specs(model), stored, []), [])


def test_quality_has_196_standard_errors_on_the_page_and_in_the_terminal():
    options = options_of_a_score(0.1)
    assert "50.0 ± 19.6" in render_choose(renderer(), options)
    (cohort,) = options
    answer = choose(cohort, Request(cohort.default_weights))
    assert "50.0 ± 19.6" in "\n".join(_lines(answer))


def test_a_left_out_prediction_is_drawn_with_its_95_percent_interval():
    chart = draw_validation([LeftOut(PREDICTION, 0.52)])
    shapes = [shape for group in chart.groups for shape in group.shapes]
    assert [s.title for s in shapes if s.title] == [
        "m: measured 52.0 %, predicted 50.0 % (41.0 to 59.0)"
    ]
    bar = next(group for group in chart.groups if group.css == "chart-grid").shapes[0].d
    low, high = (float(x) for x in re.findall(r"[ML]([\d.]+) ", bar))
    width = chart.width * (chart.x.share(0.59) - chart.x.share(0.41))
    assert high - low == pytest.approx(width, abs=0.2)


def test_a_models_page_shows_the_95_percent_interval_of_its_prediction(miniature_board):
    (cohort,) = (c for c in miniature_board.cohorts if c.name == "paper")
    study = miniature_board.studies["paper"]
    standings = find_standings([make_board_table(cohort)], {"paper": study})
    validation = study.benchmarks[0].validation("group")
    predicted = {
        standing.model: dot.predicted
        for (standing,) in standings.values()
        for dot in standing.dots
        if dot.predicted
    }
    assert predicted == {
        model: (row.prediction.value, *row.prediction.interval(0.95))
        for model, row in validation.by_model.items()
    }
    assert len(predicted) > 5
