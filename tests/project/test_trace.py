"""One number goes from its record to the HTML of the board through at most eight modules."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.board.derived import bits_interval, preference_figure
from compression_leaderboard.intervals import rate_interval
from compression_leaderboard.pages.board_table import make_board_table
from compression_leaderboard.pages.leaderboard import render_cohort
from compression_leaderboard.repository.contents import read_contents
from pydantic import BaseModel

from tests.exported import read_board, render_site, renderer

NAME = "compression_leaderboard."
MODULES = 8


def parts(value: object) -> Iterator[object]:
    """What a value is made of."""
    if isinstance(value, BaseModel):
        yield from vars(value).values()
    elif is_dataclass(value) and not isinstance(value, type):
        yield from (getattr(value, field.name, None) for field in fields(value))
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value


def carries(value: object, number: float, shown: str) -> bool:
    """Whether the number is in a value, as a float or in a text as the page shows it."""
    waiting, known = [value], set[int]()
    while waiting:
        part = waiting.pop()
        if isinstance(part, float) and part == number:
            return True
        if isinstance(part, str) and shown in part:
            return True
        if id(part) not in known and not isinstance(part, (str, bytes, int, float)):
            known.add(id(part))
            waiting += parts(part)
    return False


def trace(root: Path, model: str, shown: str) -> tuple[list[str], str]:
    """The modules whose functions return the number, in order, and the rendered board."""
    board = read_board(root)
    cohort, row = next(
        (cohort, row) for cohort in board.cohorts for row in cohort.rows if row.model == model
    )
    number = row.value(cohort.compression[0].key)
    assert isinstance(number, float)
    modules: dict[str, None] = {}

    def watch(frame: FrameType, event: str, result: Any) -> None:
        module = frame.f_globals.get("__name__", "")
        if event != "return" or not module.startswith(NAME) or module in modules:
            return
        if frame.f_code.co_name != "<module>" and carries(result, number, shown):
            modules[module] = None

    render = renderer()
    contents, _ = read_contents(root)
    sys.setprofile(watch)
    try:
        cohorts = make_cohorts(contents.specs, contents.stored, contents.published)
        again = next(one for one in cohorts if one.name == cohort.name)
        html = render_cohort(render, make_board_table(again), [], board.evidence)
    finally:
        sys.setprofile(None)
    return [module.removeprefix(NAME) for module in modules], str(html)


def test_a_number_passes_at_most_eight_modules(miniature_root):
    modules, html = trace(miniature_root, "org__plain", "1.100")
    assert {"board.measured", "board.figures"} <= set(modules)
    assert modules[-1].startswith("pages.")
    assert len(modules) <= MODULES, modules
    assert ">1.100</td>" in html


@pytest.mark.slow
def test_what_follows_from_a_record_is_computed_once(miniature_root):
    """Tables, exports and pages share the intervals of a text and the figures of its pairs."""
    counted = {f.__code__: f.__name__ for f in (bits_interval, preference_figure, rate_interval)}
    calls: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in counted:
            calls[counted[frame.f_code]] += 1

    sys.setprofile(watch)
    try:
        board = read_board(miniature_root)
        render_site(board)
    finally:
        sys.setprofile(None)
    texts = sum(entry.result.lossless is not None for entry in board.stored)
    pairs = sum(entry.result.preference is not None for entry in board.stored)
    assert 0 < calls["bits_interval"] <= texts
    assert 0 < calls["preference_figure"] <= pairs
    by_class = [
        figure.interval
        for entry in board.current
        if "classes" in vars(entry)  # asked for, and kept
        for figure in entry.classes
        if figure.interval is not None
    ]
    assert by_class
    expected = calls["bits_interval"] + len(board.compressors) + len(by_class)
    assert calls["rate_interval"] == expected
