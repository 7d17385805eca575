"""Nouns and verbs agree with their counts."""

import pytest
from compression_leaderboard.wording import counted


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ((1, "model"), "1 model"),
        ((0, "model"), "0 models"),
        ((2, "family"), "2 families"),
        ((2, "day"), "2 days"),
        ((2, "loss"), "2 losses"),
        ((3, "index"), "3 indexes"),
        ((2, "batch"), "2 batches"),
        ((1, "file is", "files are"), "1 file is"),
        ((2, "file is", "files are"), "2 files are"),
        ((2, "matrix", "matrices"), "2 matrices"),
    ],
)
def test_a_count_agrees_with_its_noun(words, shown):
    assert counted(*words) == shown
