"""Each thing that goes wrong quietly is told, and a board in health has nothing to tell."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from compression_leaderboard.operations.health import (
    LISTED,
    WorkflowRun,
    faults_markdown,
    find_faults,
)
from compression_leaderboard.plan.rechecks import mark_remeasured
from compression_leaderboard.records.base import Problem
from compression_leaderboard.records.results import Failure
from compression_leaderboard.repository.results import StoredRecheck

from tests.factory import make_model, make_recheck, make_result, store

TODAY = datetime(2026, 6, 30, tzinfo=UTC)


def run(workflow: str, days: float, event: str = "schedule", end: str = "success") -> WorkflowRun:
    return WorkflowRun(workflow, event, end, TODAY - timedelta(days=days))


WELL = [run("Evaluate", 3), run("Evaluate", 10), run("Health", 0.9), run("Release", 20)]


def faults(runs=WELL, results=(), due=0, unread=(), idle=1):
    return find_faults(runs, store(*results), due, unread, TODAY - timedelta(days=idle), TODAY)


def test_a_board_in_health_has_nothing_to_tell():
    assert faults(due=5, results=[make_result(make_model())]) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"runs": [run("Evaluate", 3, end="failure")], "due": 4},
            ["stale data: 4 jobs are due, and no Evaluate succeeded for 14 days"],
        ),
        (
            {"runs": [*WELL[2:], run("Evaluate", 9.1)]},
            ["dropped schedule: Evaluate is due every 7 days, last 9 days ago"],
        ),
        (
            {"runs": [run("Health", 3.5)], "due": 1},
            [
                "stale data: 1 job is due, and no Evaluate succeeded for 14 days",
                "dropped schedule: Health is due every 1 day, last 3 days ago",
            ],
        ),
        (
            {"runs": [*WELL, *(run("Publish", k, "push", "failure") for k in (1, 2))]},
            ["failed twice: Publish, last on 2026-06-29"],
        ),
        (
            {"runs": [*WELL, *(run("Publish", k, "push", "startup_failure") for k in (1, 2))]},
            ["failed twice: Publish, last on 2026-06-29"],
        ),
        (
            {"idle": 55},
            [
                "no activity for 55 days: GitHub stops scheduled workflows after 60, in 5 days; "
                "push any commit to main to keep them"
            ],
        ),
    ],
)
def test_what_goes_wrong_is_told(changes, told):
    assert faults(**changes) == told


@pytest.mark.parametrize(
    "changes",
    [
        {"runs": [*WELL, *(run("CI", k, "pull_request", "failure") for k in (1, 2))]},
        {"runs": [*WELL, run("Publish", 2, "push", "failure"), run("Publish", 1, "push")]},
        {"runs": [*WELL[2:], run("Evaluate", 8.9)]},
        {"idle": 49},
    ],
)
def test_what_is_within_bounds_is_not_told(changes):
    assert faults(**changes) == []


def test_a_record_that_differs_from_its_re_measurement_is_told():
    record = make_result(make_model())
    truth = make_result(make_model())
    assert truth.lossless is not None
    documents = tuple(replace(d, bits=2 * d.bits) for d in truth.lossless.documents)
    lossless = truth.lossless.model_copy(update={"documents": documents})
    truth = truth.model_copy(update={"lossless": lossless})
    recheck = make_recheck(record, "a" * 40, truth)
    (marked,) = mark_remeasured(store(record), [StoredRecheck("results/rechecks/r.json", recheck)])
    assert find_faults(WELL, [marked], 0, (), TODAY - timedelta(days=1), TODAY) == [
        f"differs from its re-measurement: results/measured/{record.file}: 3 documents differ, d2 "
        "by -120 bits, rounding moves 0.0395 and all bits together by -50.000%, rounding moves "
        "0.007%"
    ]


def test_a_text_that_changed_is_told_until_a_later_record_is_whole():
    failed = {"text": None, "lossless": None, "lossy": None}
    error = Failure(reason="corpus", message="the text has another hash")
    bad = make_result(make_model(), error=error, started=TODAY - timedelta(days=2), **failed)
    good = make_result(make_model(), started=TODAY - timedelta(days=1))
    assert faults(results=[bad]) == [
        "changed or unreadable: a text: org__small corpus prose: the text has another hash"
    ]
    assert faults(results=[good, bad]) == []


def test_files_that_are_left_out_are_told_a_page_of_them():
    """The text of an issue has at most 65,536 characters."""
    unread = [Problem(f"{n}.json", "", "w" * 1000, "repair") for n in range(LISTED + 2)]
    told = faults(unread=unread)
    assert told[0] == f"left out: {unread[0]}"
    assert told[LISTED:] == [
        "left out: 2 more problems; run `leaderboard check` to list them",
    ]
    assert len(faults_markdown(told)) < 65_536
