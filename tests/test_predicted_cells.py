"""A table shows a prediction only where no score is known, with its interval and its mark."""

from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from compression_leaderboard.fits.intervals import LEVELS
from compression_leaderboard.fits.study import study_cohort
from compression_leaderboard.pages.board_table import make_board_table
from compression_leaderboard.pages.standing import find_standings, render_standing

from tests.cohort_frames import frame_of
from tests.published_cohorts import published_cohorts


def test_missing_scores_are_shown_as_predicted_and_known_ones_as_they_are():
    cohort = published_cohorts()["huang-2024"]
    predictions = study_cohort(cohort, only=["humaneval"]).predictions
    shown = make_board_table(cohort, predictions)
    place = [column.key for column in shown.columns].index("score.humaneval")
    rows = frame_of(cohort)
    known = dict(zip(rows["page"], rows["humaneval"], strict=True))
    cells = {row.page: row.cells[place] for row in shown.rows}
    pages = {row.model: row.page for row in cohort.rows}
    wide = {pages[p.model]: p.intervals[LEVELS.index(0.95)] for p in predictions}
    assert np.isnan(list(known.values())).sum() == len(predictions) == 3
    for page, score in known.items():
        if not np.isnan(score):
            assert cells[page] == pytest.approx(score, rel=1e-5)
            continue
        value, low, high, mark = cells[page]
        assert 0 <= low <= value <= high <= 1
        assert (low, high) == pytest.approx(wide[page], rel=1e-5)
        assert mark.startswith("predicted")


def test_the_page_of_a_model_holds_predictions_against_what_was_measured():
    cohort = published_cohorts()["huang-2024"]
    study = study_cohort(cohort, only=["humaneval"])
    board = make_board_table(cohort, study.predictions)
    standings = find_standings([board], {cohort.name: study})
    left_out = study.benchmarks[0].judged("group").rows
    assert len(left_out) == 25
    pages = {row.model: row.page for row in cohort.rows}
    for row in left_out:
        page = unescape(render_standing(standings[pages[row.model]][0], "../../"))
        low, high = row.intervals[LEVELS.index(0.95)]
        assert (
            f"{100 * row.measured:.1f}<small>predicted ≈ {100 * row.predicted:.1f}</small>"
            f"<small>{100 * low:.1f}–{100 * high:.1f}</small>"
        ) in page
    for p in study.predictions:  # whose score is not known
        page = unescape(render_standing(standings[pages[p.model]][0], "../../"))
        assert f'dots-value">–<small>predicted ≈ {100 * p.value:.1f}</small>' in page
        assert left_out.of(p.model) is None


def test_where_nothing_can_be_predicted_the_page_of_a_model_says_why():
    cohort = published_cohorts()["huang-2024"]
    few = replace(cohort, rows=cohort.rows[:4])
    study = study_cohort(few)
    board = make_board_table(few, study.predictions)
    for (standing,) in find_standings([board], {few.name: study}).values():
        page = render_standing(standing, "../../")
        assert "Nothing is predicted: not enough evidence: 4 models of 2 groups" in page
        assert "≈" not in page
