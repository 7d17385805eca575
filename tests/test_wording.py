"""Nouns and verbs agree with their counts."""

import re

import pytest
from compression_leaderboard.wording import counted

from tests import ROOT

NOUNS = (
    *("answers", "benchmarks", "cells", "corpora", "days", "documents", "entries", "examples"),
    *("files", "groups", "items", "jobs", "models", "pairs", "parts", "predictions", "problems"),
    *("records", "rows", "scores", "shards", "sizes", "suites", "tasks", "texts"),
)
# Numbers that are always larger, words in place of a number, and faults of the program itself.
OTHERS = {
    *("{len(counted)} benchmarks", "{idle} days", "{weeks.days} days"),
    *("{kind} models", "{setting.kind} models"),
    *("{len(size)} groups", "{sums.seen} documents", "{array.null_count} rows"),
}


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


def test_no_message_puts_a_number_before_a_plural():
    """The number may be 1: `counted` and `plural` write the noun."""
    pattern = re.compile(rf"\{{[^{{}}]*\}} (?:more |new )?(?:{'|'.join(NOUNS)})\b")
    sources = sorted((ROOT / "generator").rglob("*.py"))
    texts = [match[0] for path in sources for match in pattern.finditer(path.read_text("utf-8"))]
    assert set(texts) <= OTHERS
