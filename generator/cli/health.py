"""`leaderboard health`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from generator.cli.app import AsJson, Root, app, valid_specs
from generator.files.commits import read_commit
from generator.files.results import read_results
from generator.plan import plan_jobs
from generator.records.base import Problem, UserError


@app.command()
def health(
    root: Root = Path(),
    workflow_runs: Annotated[
        Path | None, typer.Option(help="A file of runs, by gh run list --json.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what goes wrong quietly, as the text of an issue; nothing when all is well.

    Example: `leaderboard health --workflow-runs workflow-runs.json`
    """
    from generator.health import find_faults
    from generator.measure.machine import read_machine

    stored, _ = read_results(root, "measured")
    jobs = plan_jobs(valid_specs(root), stored, machine=read_machine())
    lines = find_faults(
        _read_runs(workflow_runs) if workflow_runs else [],
        [entry.result for entry in stored],
        sum(not job.blocked for job in jobs),
        datetime.fromisoformat(read_commit(root, "HEAD").date),
        datetime.now(UTC),
    )
    if as_json:
        print(json.dumps(lines, indent=1, ensure_ascii=False))
    else:
        print("".join(f"- {line}\n" for line in lines), end="")


def _read_runs(file: Path) -> list[Any]:
    from generator.health import WorkflowRun

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
        repair = f"fill it with `gh run list --json {fields}`"
        raise UserError([Problem(str(file), "", "is no list of runs", repair)]) from error
