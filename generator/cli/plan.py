"""`leaderboard plan`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from generator.cli.app import AsJson, Root, app, valid_specs
from generator.cli.jobs import (
    CorpusFilter,
    ModelFilter,
    ProfileFilter,
    SuiteFilter,
    job_name,
    job_row,
    select_jobs,
)
from generator.files.mirror import mirror_address
from generator.files.pins import pin_datasets
from generator.files.results import read_results
from generator.plan import plan_jobs


@app.command()
def plan(
    root: Root = Path(),
    model: ModelFilter = None,
    suite: SuiteFilter = None,
    corpus: CorpusFilter = None,
    profile: ProfileFilter = None,
    local: Annotated[bool, typer.Option("--local", help="Against results/local.")] = False,
    pin: Annotated[bool, typer.Option("--pin", help="Resolve unpinned datasets.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is missing or stale, and why.

    Example: `leaderboard plan --corpus sotu`
    """
    specs = valid_specs(root)
    if pin:
        _pin_datasets(root)
        specs = valid_specs(root)
    stored, _ = read_results(root, "local" if local else "measured")
    jobs = select_jobs(plan_jobs(specs, stored), specs, model, suite, corpus, profile)
    if as_json:
        print(json.dumps([job_row(job) for job in jobs], indent=1))
        return
    for job in jobs:
        print(f"{job_name(job)}: {job.why}" + (f" (blocked: {job.blocked})" if job.blocked else ""))
    if not jobs:
        print("nothing to do: every record is there and of today's protocol")


def _pin_datasets(root: Path) -> None:
    from generator.measure.documents import hash_mirrored
    from generator.measure.hub import resolve_dataset

    source = f" (from {address}, not from the Hub)" if (address := mirror_address()) else ""
    folders = [root / "runs" / kind for kind in ("suites", "corpora")]
    for path in sorted(path for folder in folders for path in folder.glob("*.toml")):
        pinned = pin_datasets(path, resolve_dataset, lambda name: hash_mirrored(name)[1])
        for name, revision in pinned:
            print(f"{path.name}: {name} → {revision}{source}", file=sys.stderr)
