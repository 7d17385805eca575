"""A table shows a prediction only where no score is known, with its interval and its mark."""

import numpy as np
import pytest

from generator.fits.intervals import LEVELS
from generator.fits.study import study_cohort
from generator.publish.board_columns import make_board_table
from tests.published_cohorts import published_cohorts


def test_missing_scores_are_shown_as_predicted_and_known_ones_as_they_are():
    cohort = published_cohorts()["huang-2024"]
    predictions = study_cohort(cohort, only=["humaneval"]).predictions
    shown = make_board_table(cohort, predictions)
    place = [column.key for column in shown.columns].index("humaneval")
    known = dict(zip(cohort.rows["page"], cohort.rows["humaneval"], strict=True))
    cells = {row.page: row.cells[place] for row in shown.rows}
    pages = dict(zip(cohort.rows["model"], cohort.rows["page"], strict=True))
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
