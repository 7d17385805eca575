"""A record that differs from its re-measurement is shown as such, and nothing is made of it."""

from dataclasses import replace

from compression_leaderboard.board.board import RecordBoard, make_board
from compression_leaderboard.pages.model_page import render_model
from compression_leaderboard.pages.reliability_page import render_reliability
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.contents import Contents
from compression_leaderboard.repository.git import NO_DATE, Commit
from compression_leaderboard.repository.results import StoredRecheck

from tests.exported import renderer
from tests.factory import lower_bits, make_model, make_recheck, make_result, make_specs, store

MODEL, OTHER = make_model(suites=()), make_model("org/other", suites=())
HONEST = make_result(OTHER)
TRUTH = make_result(MODEL)
FORGED = lower_bits(TRUTH, 0.1)


def board_of(*truths: Result) -> RecordBoard:
    """A board with the forged record, which is measured again with these outcomes in turn."""
    rechecks = [
        make_recheck(FORGED, "a" * 40, truth).model_copy(
            update={"started": TRUTH.started.replace(month=2 + number)}
        )
        for number, truth in enumerate(truths)
    ]
    stored = [StoredRecheck(f"results/rechecks/{recheck.file}", recheck) for recheck in rechecks]
    specs = make_specs(MODEL, OTHER)
    contents = Contents(specs, store(FORGED, HONEST), [], [], rechecks=stored)
    return make_board(contents, Commit("unknown", NO_DATE))


def figures(board: RecordBoard) -> set[str]:
    """The models that have figures in a table."""
    return {row.model for _, row, _ in board.figures()}


def test_what_differs_is_in_no_table_and_no_comparison():
    assert figures(board_of()) == {MODEL.id, OTHER.id}
    assert {c.model for c in board_of().comparisons} == {MODEL.id, OTHER.id}
    board = board_of(TRUTH)
    assert figures(board) == {OTHER.id}
    assert board.comparisons == []
    assert [entry.counts for entry in board.stored] == [False, True]


def test_a_later_re_measurement_that_agrees_brings_it_back():
    board = board_of(TRUTH, FORGED)
    assert figures(board) == {MODEL.id, OTHER.id}
    assert [entry.counts for entry in board.stored] == [True, True]


def test_the_pages_of_its_model_and_of_reliability_say_by_how_much_it_differs():
    board = board_of(TRUTH)
    entries = [entry for entry in board.stored if entry.result.model == MODEL.id]
    page = render_model(renderer(), MODEL, entries, board.specs, [], [], "0" * 40)
    why = "3 documents differ, d2 by -12 bits, rounding moves 0.023 and all bits together by "
    assert f"differs from its re-measurement: {why}" in page
    table = render_reliability(renderer(), board.specs, board.stored, "2026-06-01T00:00:00+00:00")
    assert "<div><dt>Not confirmed</dt><dd>1</dd></div>" in table
    assert f"<td>not confirmed</td>\n<td>{why}" in table


def test_a_document_of_a_forger_has_no_markup():
    named = replace(TRUTH.lossless.documents[0], document="<b>d0</b>")
    documents = (named, *TRUTH.lossless.documents[1:])
    lossless = TRUTH.lossless.model_copy(update={"documents": documents})
    hostile = TRUTH.model_copy(update={"lossless": lossless})
    recheck = make_recheck(hostile, "a" * 40, lower_bits(hostile, 0.5))
    stored = [StoredRecheck("results/rechecks/r.json", recheck)]
    contents = Contents(make_specs(MODEL), store(hostile), [], [], rechecks=stored)
    board = make_board(contents, Commit("unknown", NO_DATE))
    table = render_reliability(renderer(), board.specs, board.stored, "2026-06-01T00:00:00+00:00")
    assert "3 documents differ, " in table
    assert "<b>" not in table
