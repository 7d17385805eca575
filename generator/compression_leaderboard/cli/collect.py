"""`leaderboard collect` and `leaderboard verify`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from compression_leaderboard.cli.app import Root, app, valid_specs
from compression_leaderboard.cli.plan import refuse_unknown
from compression_leaderboard.gate.collect import Collected, sort_records, unlike
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.records.jobs import Shard
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import (
    StoredResult,
    read_folder,
    read_results,
    read_shards,
    write_record,
    write_result,
)
from compression_leaderboard.repository.specs import Specs


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
        from compression_leaderboard.measure.parts import merge_parts
        from compression_leaderboard.measure.record import MeasureError

        try:
            merged.append(merge_parts(parts, specs.suites[suite], root.resolve()))
        except MeasureError as error:
            wrong.append(f"{model} at {revision[:14]} suite {suite}: {error.message}")
    return merged, wrong


@app.command()
def verify(
    model: Annotated[str, typer.Argument(help="The id of a model.")],
    corpus: Annotated[str, typer.Argument(help="The text that the sample is taken from.")],
    root: Root = Path(),
    sample_bytes: Annotated[int, typer.Option("--bytes", min=1, help="Size of the sample.")] = 4096,
    local: Annotated[bool, typer.Option("--local", help="Write to results/local.")] = False,
) -> None:
    """Compress a sample with the model, decompress it in a fresh process, and record the proof.

    Example: `leaderboard verify HuggingFaceTB__SmolLM2-135M-Instruct@Q4_1 sotu --local`
    """
    from compression_leaderboard.measure.proof import prove_model
    from compression_leaderboard.measure.record import Workplace

    specs = valid_specs(root)
    refuse_unknown(
        {"model": ("model", model, specs.models), "corpus": ("corpus", corpus, specs.corpora)}
    )
    place = Workplace(root.resolve(), root.resolve() / "build" / "cache")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("loading", total=None)

        def report(stage: str, done: int, total: int) -> None:
            progress.update(bar, description=stage, completed=done, total=total)

        chosen = specs.models[model], specs.corpora[corpus]
        result = prove_model(*chosen, sample_bytes, place, report)
    file = write_result(root, "local" if local else "measured", result)
    print(_answer(result, file))
    if result.error is not None:
        raise typer.Exit(1)


def _answer(result: Result, file: str) -> str:
    if result.error is not None:
        return f"failed ({result.error.reason}): {result.error.message} → {file}"
    proof = result.proof
    assert proof is not None  # a proof that did not fail has it
    rate = 8 * proof.compressed_bytes / proof.sample_bytes
    lost = (proof.bits_quantised - proof.bits_ideal) / proof.tokens
    return (
        f"{proof.sample_bytes} bytes of {result.name} → {proof.compressed_bytes} bytes "
        f"({rate:.4f} bits/byte, header of {proof.header_bytes} bytes not counted) → "
        f"{proof.sample_bytes} bytes, equal\n"
        f"cost {proof.bits_ideal:.1f} bits by the model's probabilities, "
        f"{proof.bits_quantised:.1f} by the coder's weights ({lost:+.4f} bits a token) → {file}"
    )
