"""Intervals in downloads are those of their figures: a swapped end, level or formula fails here."""

import io
import json
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from compression_leaderboard.board.figures import Key
from compression_leaderboard.exchange.every_eval_ever import export_every_eval_ever
from compression_leaderboard.exports.changes import Reading, Subject, move
from compression_leaderboard.exports.rows import ROWS
from compression_leaderboard.exports.tables import TABLES
from compression_leaderboard.fits.study import StudiedBoard as Board
from compression_leaderboard.intervals import paired_difference, rate_interval
from scipy import stats

from tests.exported import board_of
from tests.factory import make_model, make_preference, make_result, make_specs, store

END = re.compile(r"(?:.*_)?(low|high)(80|95)")
ENDS = [
    (name, field.name, str(field.value), *match.groups())
    for name, table in TABLES.items()
    for field in table.fields
    if (match := END.fullmatch(field.name))
]


@pytest.mark.parametrize(("table", "column", "path", "end", "level"), ENDS)
def test_a_column_reads_the_end_and_the_level_that_its_name_says(table, column, path, end, level):
    assert path.rpartition(".")[2] == end
    assert re.findall(r"interval(\d+)", path) in ([], [level])
    assert f"{'lower' if end == 'low' else 'upper'} end" in TABLES[table].field(column).description


def test_every_figure_with_an_interval_has_both_ends():
    ends = {(table, column.replace("high", "low")) for table, column, _, end, _ in ENDS}
    assert len(ENDS) == 2 * len(ends) > 40


def rows_of(table: str, board: Board) -> list[Any]:
    return list(ROWS[table](board))


def frame(files: dict[str, bytes], table: str) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(files[f"data/{table}.parquet"]))


def test_predictions_have_the_intervals_of_their_levels(miniature_board, miniature_files):
    rows = frame(miniature_files, "predictions").itertuples()
    shown = {
        (r.cohort, r.model, r.benchmark): ((r.low80, r.high80), (r.low95, r.high95)) for r in rows
    }
    expected = {
        (cohort, p.model, p.benchmark): p.intervals
        for cohort, study in miniature_board.studies.items()
        for p in study.predictions
    }
    assert shown == expected != {}
    for table in ("predictions", "residuals"):
        for row in rows_of(table, miniature_board):
            assert (row.interval80, row.interval95) == row.fit.intervals
            assert (
                row.interval95.low
                <= row.interval80.low
                < row.interval80.high
                <= row.interval95.high
            )


def test_the_wide_table_has_the_ends_of_its_figures(miniature_board, miniature_files):
    wide = frame(miniature_files, "leaderboard").set_index(["cohort", "model"])
    seen = 0
    for cohort, row, figure in miniature_board.figures():
        if figure.key.quantity == "compression" and figure.interval is not None:
            cells = wide.loc[(cohort.name, row.model)]
            column = f"compression.{figure.key.name}"
            assert (cells[f"{column}.low95"], cells[f"{column}.high95"]) == figure.interval
            seen += 1
    assert seen > 2


def test_preferences_have_the_intervals_of_a_second_calculation():
    """Of pairs in 20 groups of equal size: s · 19 / √20, Student's t with 19 degrees of freedom."""
    model = make_model()
    pairs = make_preference(model)
    random = np.random.default_rng(0)
    layers = tuple(
        layer.model_copy(update={"replicates": tuple(random.normal(0.02 * k, 0.001, 20).tolist())})
        for k, layer in enumerate(pairs.preference.layers)
    )
    preference = pairs.preference.model_copy(update={"layers": layers})
    board = board_of(make_specs(model), store(pairs.model_copy(update={"preference": preference})))
    (row,) = rows_of("preferences", board)
    without = np.array([layer.replicates for layer in layers])
    times = stats.t.ppf(0.975, 19)
    for interval, value, replicates in (
        (row.figure.interval, row.figure.value, without[1:].mean(axis=0)),
        (row.figure.lexical_interval, row.figure.lexical, without[0]),
        (
            row.figure.beyond_interval,
            row.figure.beyond_lexical,
            without[1:].mean(axis=0) - without[0],
        ),
    ):
        reach = times * jackknife(value, replicates)
        assert interval == pytest.approx((value - reach, value + reach))
    for k, row in enumerate(rows_of("preference_layers", board)):
        assert row.standard_error == pytest.approx(jackknife(row.corrected.mean, without[k]))


def jackknife(value: float, replicates: np.ndarray) -> float:
    """Of equal groups: the standard error of the pseudo-values' mean."""
    groups = len(replicates)
    pseudo = groups * value - (groups - 1) * replicates
    return float(pseudo.std() / math.sqrt(groups - 1))


def test_every_eval_ever_says_the_level_and_the_draws(miniature_board):
    intervals = [
        score["score_details"]["uncertainty"]
        for content in export_every_eval_ever(miniature_board).values()
        for score in json.loads(content)["evaluation_results"]
        if "confidence_interval" in score["score_details"].get("uncertainty", {})
    ]
    assert len(intervals) == 4  # a text each
    low, high = rate_interval([100, 110, 120], [100, 100, 100])
    for one in intervals:
        assert one["confidence_interval"] == {
            "lower": low, "upper": high, "confidence_level": 0.95,
            "method": "bootstrap over documents",
        }  # fmt: skip
        assert one["num_bootstrap_samples"] == 2000


def test_the_noise_of_a_changed_text_is_half_the_interval_of_the_paired_difference():
    before = make_result(make_model()).lossless
    bits = (101.0, 113.0, 117.0)
    documents = tuple(replace(d, bits=b) for d, b in zip(before.documents, bits, strict=True))
    after = before.model_copy(update={"documents": documents, "bits_per_byte": sum(bits) / 300})
    readings = [Reading(one.bits_per_byte, "bits/byte", lossless=one) for one in (before, after)]
    subject = Subject("measured", "m", "r", "float32", Key("compression", "prose"))
    _, reach = paired_difference(bits, (100, 110, 120), (100, 100, 100))
    assert move(subject, *readings).noise == pytest.approx(reach)
