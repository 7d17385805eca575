"""`leaderboard collect`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from generator.cli.app import Root, app, valid_specs
from generator.files.results import StoredResult, read_results, write_record
from generator.files.shards import read_folder, read_shards
from generator.files.specs import Specs
from generator.intake.collect import Collected, sort_records, unlike
from generator.records.base import Problem, UserError
from generator.records.results import Result
from generator.records.shards import Shard


@app.command()
def collect(
    folders: Annotated[list[Path], typer.Argument(help="Folders that shards wrote.")],
    root: Root = Path(),
    plan: Annotated[
        str | None, typer.Option(help="The whole matrix, so that absent shards are told.")
    ] = None,
) -> None:
    """Verify what shards measured, merge it, and say what is missing.

    Example: `leaderboard collect shards/ --plan matrix.json`
    """
    specs = valid_specs(root)
    planned = None if plan is None else read_shards(plan)
    stored, shards, refused = _read(folders)
    shards = shards if planned is None else planned
    found = sort_records(stored, shards, specs)
    refused += found.refused
    base = root / "results" / "measured"
    known = read_results(root, "measured")[0]
    here = {entry.result.run_id for entry in known}
    merged, wrong = _merge(found, {entry.result.parts for entry in known}, specs, root)
    refused += wrong
    written = [
        write_record(base, root, result)
        for result in (*found.whole, *merged)
        if result.run_id not in here
    ]
    for line in written:
        print(f"→ {line}", file=sys.stderr)
    for line in refused:
        print(line, file=sys.stderr)
    for line in found.missing:
        print(f"missing: {line}", file=sys.stderr)
    taken = len(found.whole) + len(found.complete) - len(wrong)
    print(
        f"{len(written)} new, {taken - len(written)} already there, "
        f"{len(refused)} refused, {len(found.missing)} missing"
    )
    if refused or found.missing:
        raise typer.Exit(1)


def _read(folders: list[Path]) -> tuple[list[StoredResult], list[Shard], list[str]]:
    """Records and shards of all folders, and a line for each that is refused."""
    stored, shards, refused = [], [], []
    for folder in folders:
        if not folder.is_dir():
            repair = "give folders that `leaderboard measure --shard … --to` wrote"
            raise UserError([Problem(str(folder), "", "is not a folder", repair)])
        records, asked, wrong = read_folder(folder)
        stored += records
        shards += asked
        refused += wrong
    return stored, shards, refused


def _merge(
    found: Collected, known: set[tuple[str, ...]], specs: Specs, root: Path
) -> tuple[list[Result], list[str]]:
    """One record of the parts of each suite that are complete and were not merged before."""
    merged, wrong = [], []
    for ((model, revision, _, suite), _), parts in found.complete.items():
        if tuple(part.run_id for part in parts) in known:
            continue
        if (why := unlike(parts)) is not None:
            wrong.append(f"{model} at {revision[:14]} suite {suite}: {why}")
            continue
        from generator.measure.failures import MeasureError
        from generator.measure.parts import merge_parts

        try:
            merged.append(merge_parts(parts, specs.suites[suite], root.resolve()))
        except MeasureError as error:
            wrong.append(f"{model} at {revision[:14]} suite {suite}: {error.message}")
    return merged, wrong
