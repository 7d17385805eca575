"""`leaderboard health` and `leaderboard drift`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compression_leaderboard.cli.app import AsJson, AsMarkdown, Root, app, print_json, read_valid
from compression_leaderboard.plan.jobs import plan_jobs
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.repository.git import read_commit
from compression_leaderboard.repository.results import read_results
from compression_leaderboard.repository.specs import read_specs

if TYPE_CHECKING:
    from compression_leaderboard.operations.health import WorkflowRun


@app.command()
def health(
    root: Root = Path(),
    workflow_runs: Annotated[
        Path | None, typer.Option(help="A file of runs, written by gh run list --json.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List silent failures as the text of an issue; print nothing when all is well.

    Example: `leaderboard health --workflow-runs workflow-runs.json`
    """
    from compression_leaderboard.measure.record import read_machine
    from compression_leaderboard.operations.health import find_faults

    stored, _ = read_results(root, "measured")
    jobs = plan_jobs(read_valid(read_specs, root), stored, machine=read_machine())
    lines = find_faults(
        _read_runs(workflow_runs) if workflow_runs else [],
        [entry.result for entry in stored],
        sum(not job.blocked for job in jobs),
        datetime.fromisoformat(read_commit(root, "HEAD").date),
        datetime.now(UTC),
    )
    if as_json:
        print_json(lines)
    else:
        print("".join(f"- {line}\n" for line in lines), end="")


def _read_runs(file: Path) -> "list[WorkflowRun]":
    from compression_leaderboard.operations.health import WorkflowRun

    try:
        return [
            WorkflowRun(
                run["workflowName"],
                run["event"],
                run["conclusion"] or "",
                datetime.fromisoformat(run["createdAt"]),
            )
            for run in json.loads(file.read_text("utf-8"))
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        fields = "workflowName,event,status,conclusion,createdAt"
        repair = f"write it with `gh run list --json {fields}`"
        raise UserError([Problem(str(file), "", "is not a list of runs", repair)]) from error


@app.command()
def drift(root: Root = Path(), as_json: AsJson = False, markdown: AsMarkdown = False) -> None:
    """Show the sentinel's readings over time and whether they drift from the first record.

    Example: `leaderboard drift`
    """
    from compression_leaderboard.operations.drift import (
        drift_json,
        drift_markdown,
        drift_text,
        read_sentinel,
    )

    specs = read_valid(read_specs, root)
    readings = read_sentinel(specs, read_results(root, "measured")[0])
    if as_json:
        print_json(drift_json(readings))
    else:
        print((drift_markdown if markdown else drift_text)(specs, readings), end="")
