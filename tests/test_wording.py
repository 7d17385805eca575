"""Nouns and verbs agree with their counts."""

import re

import pytest
from compression_leaderboard.wording import as_code, counted, escaped
from hypothesis import given
from hypothesis import strategies as st

from tests import ROOT
from tests.markdown import code_of, without_code

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


# What GitHub would turn into a mention, a reference, a link, an emoji, HTML or a table.
LIVE = (
    *("@org/team", "@all", "#1", "GH-1", "org/board#5", "0123456789abcdef0123456789abcdef01234567"),
    *(
        ":tada:",
        "<img src=x>",
        "`@all`",
        "``` @all",
        "a | b",
        "- [x] done",
        "[^1]: note",
        "&#64;all",
    ),
    *(
        "www.example.org",
        "https://example.org",
        "a@example.org",
        "\u202e@all",
        "# title",
        "> quote",
    ),
    *(
        "$x$",
        "two\n@lines",
        "\r## title",
        "\udcff",
        "\\`@all",
        "",
        " ",
        "` ",
        "$`x`$",
        "***",
        "\x1b[31m",
    ),
)


@pytest.mark.parametrize("text", LIVE)
def test_a_text_of_strangers_is_code_and_nothing_else(text):
    line = as_code(text)
    assert without_code(line) == ""
    assert line.isprintable()
    (shown,) = code_of(line)
    assert shown.strip(" ") == re.sub(
        r"[\n\r\x1b\u202e\udcff]", "\N{REPLACEMENT CHARACTER}", text
    ).strip(" ")


@given(st.text())
def test_any_text_is_one_span_of_code(text):
    assert without_code(as_code(text)) == ""
    assert len(code_of(as_code(text))) == 1


def test_what_is_spelled_out_is_printable_and_can_be_encoded():
    assert escaped("a\n\udcff\u202e\x1bö") == r"a\n\udcff\u202e\x1bö"
