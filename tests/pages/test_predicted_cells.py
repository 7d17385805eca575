"""A table shows a prediction only where no score is known, with its interval and its mark."""

from dataclasses import replace

import pytest
from compression_leaderboard.fits.intervals import LEVELS
from compression_leaderboard.fits.study import study_cohort
from compression_leaderboard.pages.board_table import make_board_table
from compression_leaderboard.pages.model_page import find_standings, render_published

from tests.exported import renderer
from tests.published_cohorts import published_cohorts


def humaneval(cohort):
    (key,) = (score.key for score in cohort.scores if score.name == "humaneval")
    return key


def page_of(standings):
    """The scores of a model in its table, as its page shows them, without the tags of lines."""
    (standing,) = standings
    cohort = standing.board.cohort
    row = next(row for row in cohort.rows if row.model == standing.model)
    page = render_published(renderer(), cohort, row, standings)
    return page.partition("<h3>Benchmarks</h3>")[2].partition("</section>")[0]


def test_missing_scores_are_shown_as_predicted_and_known_ones_as_they_are():
    cohort = published_cohorts()["huang-2024"]
    predictions = study_cohort(cohort, only=["humaneval"]).predictions
    shown = make_board_table(cohort, predictions)
    key = humaneval(cohort)
    known = {row.page: row.value(key) for row in cohort.rows}
    cells = {row.page: shown.cell(row, key.id) for row in shown.rows}
    pages = {row.model: row.page for row in cohort.rows}
    wide = {pages[p.model]: p.intervals[LEVELS.index(0.95)] for p in predictions}
    assert list(known.values()).count(None) == len(predictions) == 3
    for page, score in known.items():
        cell = cells[page]
        if score is not None:
            assert cell.value == pytest.approx(score, rel=1e-5)
            assert (cell.text, cell.is_predicted) == (f"{100 * score:.1f}", False)
            continue
        assert 0 <= cell.low <= cell.value <= cell.high <= 1
        assert (cell.low, cell.high) == pytest.approx(wide[page], rel=1e-5)
        assert cell.note.startswith("predicted")
        assert cell.text == f"≈ {100 * cell.value:.1f}"


@pytest.mark.slow
def test_the_page_of_a_model_holds_predictions_against_what_was_measured():
    cohort = published_cohorts()["huang-2024"]
    study = study_cohort(cohort, only=["humaneval"])
    board = make_board_table(cohort, study.predictions)
    standings = find_standings([board], {cohort.name: study})
    validation = study.of(humaneval(cohort)).validation("group")
    assert len(validation.rows) == 25
    pages = {row.model: row.page for row in cohort.rows}
    for row in validation.rows:
        page = page_of(standings[pages[row.prediction.model]])
        low, high = row.prediction.interval()
        assert (
            f"{100 * row.measured:.1f}<small>predicted ≈ {100 * row.prediction.value:.1f}</small>"
            f"<small>{100 * low:.1f}–{100 * high:.1f}</small>"
        ) in page
    for p in study.predictions:  # whose score is not known
        page = page_of(standings[pages[p.model]])
        assert f'dots-value">–<small>predicted ≈ {100 * p.value:.1f}</small>' in page
        assert p.model not in validation.by_model


def test_where_nothing_can_be_predicted_the_page_of_a_model_says_why():
    cohort = published_cohorts()["huang-2024"]
    few = replace(cohort, rows=cohort.rows[:4])
    study = study_cohort(few)
    board = make_board_table(few, study.predictions)
    for standings in find_standings([board], {few.name: study}).values():
        page = page_of(standings)
        assert "Nothing is predicted: not enough evidence: 4 models of 2 groups" in page
        assert "≈" not in page
