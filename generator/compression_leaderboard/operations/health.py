"""Find what fails quietly, from workflow runs, records and dates, as lines to read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from compression_leaderboard.plan.jobs import newest
from compression_leaderboard.records.results import Result

CHANGED = {"corpus": "a text", "harness": "a task or its documents", "weights": "weights"}
WORKFLOWS = {"Evaluate": 7, "Release": 31, "Health": 1, "Corpus": 92}  # days
SLACK_DAYS = 2.0  # GitHub starts schedules late
SLEEP_DAYS = 60  # without activity GitHub stops the schedules of a repository
WARN_DAYS = 10  # before that


@dataclass(frozen=True)
class WorkflowRun:
    """One run of a workflow, as `gh run list` prints it."""

    workflow: str
    event: str
    conclusion: str  # empty while it runs
    created: datetime


def find_faults(
    runs: Sequence[WorkflowRun],
    results: Iterable[Result],
    due: int,
    last_commit: datetime,
    today: datetime,
) -> list[str]:
    """List each thing that someone has to look at; empty when all is well.

    due: jobs that could run and have no record. last_commit: date of main.
    """
    return [
        *_stale(runs, due, today),
        *_dropped(runs, today),
        *_failing(runs),
        *_changed(results),
        *_sleepy(last_commit, today),
    ]


def _stale(runs: Sequence[WorkflowRun], due: int, today: datetime) -> list[str]:
    """Work is due although Evaluate went through after the last weekly date."""
    days = WORKFLOWS["Evaluate"]
    since = today - timedelta(days=2 * days)
    good = [r for r in runs if r.workflow == "Evaluate" and r.conclusion == "success"]
    if due and not any(run.created >= since for run in good):
        return [f"stale data: {due} jobs are due, and no Evaluate succeeded for {2 * days} days"]
    return []


def _dropped(runs: Sequence[WorkflowRun], today: datetime) -> list[str]:
    """A schedule that ran before and has not since its period passed."""
    lines = []
    for workflow, days in WORKFLOWS.items():
        dates = [r.created for r in runs if r.workflow == workflow and r.event == "schedule"]
        if dates and today - max(dates) > timedelta(days=days + SLACK_DAYS):
            age = (today - max(dates)).days
            lines.append(f"dropped schedule: {workflow} is due every {days} days, last {age} ago")
    return lines


def _failing(runs: Sequence[WorkflowRun]) -> list[str]:
    lines = []
    for workflow in sorted({run.workflow for run in runs}):
        done = [r for r in runs if r.workflow == workflow and r.conclusion and _is_of_main(r)]
        last = sorted(done, key=lambda run: run.created)[-2:]
        if len(last) == 2 and all(run.conclusion in ("failure", "timed_out") for run in last):
            lines.append(f"failed twice: {workflow}, last on {last[-1].created:%Y-%m-%d}")
    return lines


def _is_of_main(run: WorkflowRun) -> bool:
    """A pull request may fail as often as it likes."""
    return run.event != "pull_request"


def _changed(results: Iterable[Result]) -> list[str]:
    """The latest try of a job failed since what a spec pins has changed or is missing."""
    return [
        f"changed or unreadable: {CHANGED[r.error.reason]}: {r.model} {r.kind} {r.name}: "
        f"{r.error.message}"
        for _, r in sorted(newest(results).items())
        if r.error is not None and r.error.reason in CHANGED
    ]


def _sleepy(last_commit: datetime, today: datetime) -> list[str]:
    idle = (today - last_commit).days
    if idle < SLEEP_DAYS - WARN_DAYS:
        return []
    left = max(0, SLEEP_DAYS - idle)
    return [
        f"no activity for {idle} days: GitHub stops scheduled workflows after {SLEEP_DAYS}, "
        f"in {left} days; any commit to main keeps them"
    ]
