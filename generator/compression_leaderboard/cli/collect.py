"""`leaderboard collect` and `leaderboard verify`."""

import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from compression_leaderboard.cli.app import Root, app, read_valid, refuse_unknown, show_stages
from compression_leaderboard.gate.collect import PartKey, sort_records, why_not_merged
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.records.results import Result, Shard
from compression_leaderboard.repository.results import (
    StoredResult,
    read_folder,
    read_results,
    read_shards,
    write_record,
    write_result,
)
from compression_leaderboard.repository.specs import Specs, read_specs
from compression_leaderboard.wording import counted


@app.command()
def collect(
    folders: Annotated[list[Path], typer.Argument(help="Folders that shards wrote.")],
    root: Root = Path(),
    plan: Annotated[
        str | None, typer.Option(help="The whole matrix, so that absent shards are reported.")
    ] = None,
) -> None:
    """Verify and merge what shards measured, and list what is missing.

    Example: `leaderboard collect shards/ --plan matrix.json`
    """
    specs = read_valid(read_specs, root)
    planned = None if plan is None else read_shards(plan)
    stored, shards, refused = _read(folders)
    records = sort_records(stored, shards if planned is None else planned, specs)
    base = root / "results" / "measured"
    known = [entry.result for entry in read_results(root, "measured")[0]]
    merged, not_merged = _merge(records.complete, {r.parts for r in known}, specs, root)
    known_ids = {result.run_id for result in known}
    written = [
        write_record(base, root, result)
        for result in (*records.whole, *merged)
        if result.run_id not in known_ids
    ]
    refused += [*records.refused, *not_merged]
    for lines, mark in ((written, "→ "), (refused, ""), (records.missing, "missing: ")):
        for line in lines:
            print(f"{mark}{line}", file=sys.stderr)
    accepted = len(records.whole) + len(records.complete) - len(not_merged)
    print(
        f"{len(written)} new, {accepted - len(written)} already there, "
        f"{len(refused)} refused, {len(records.missing)} missing"
    )
    if refused or records.missing:
        raise typer.Exit(1)


def _read(folders: list[Path]) -> tuple[list[StoredResult], list[Shard], list[str]]:
    """Read records and shards of all folders, and a line for each that is refused."""
    stored: list[StoredResult] = []
    shards: list[Shard] = []
    refused: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            repair = "give folders that `leaderboard measure --shard … --to` wrote"
            raise UserError([Problem(str(folder), "", "is not a folder", repair)])
        records, planned, problems = read_folder(folder)
        stored += records
        shards += planned
        refused += problems
    return stored, shards, refused


def _merge(
    complete: Mapping[PartKey, Sequence[Result]],
    known: Collection[tuple[str, ...]],
    specs: Specs,
    root: Path,
) -> tuple[list[Result], list[str]]:
    """Merge the complete parts of each suite into one record, unless that was done before.

    known: run ids of the parts of each merged record.
    """
    merged, refused = [], []
    for ((model, revision, _, suite), _), parts in complete.items():
        if tuple(part.run_id for part in parts) in known:
            continue
        from compression_leaderboard.measure.parts import merge_parts
        from compression_leaderboard.measure.record import MeasureError

        reason = why_not_merged(parts)
        if reason is None:
            try:
                merged.append(merge_parts(parts, specs.suites[suite], root.resolve()))
            except MeasureError as error:
                reason = error.message
        if reason is not None:
            refused.append(f"{model} at {revision[:14]} suite {suite}: {reason}")
    return merged, refused


@app.command()
def verify(
    model: Annotated[str, typer.Argument(help="The id of a model.")],
    corpus: Annotated[str, typer.Argument(help="The corpus from which the sample is taken.")],
    root: Root = Path(),
    sample_bytes: Annotated[int, typer.Option("--bytes", min=1, help="Size of the sample.")] = 4096,
    local: Annotated[bool, typer.Option("--local", help="Write to results/local.")] = False,
) -> None:
    """Compress a sample with a model, decompress it in a fresh process, and record the proof.

    Example: `leaderboard verify HuggingFaceTB__SmolLM2-135M-Instruct@Q4_1 sotu --local`
    """
    from compression_leaderboard.measure.proof import prove_model
    from compression_leaderboard.measure.record import Workplace

    specs = read_valid(read_specs, root)
    refuse_unknown(
        {"model": ("model", model, specs.models), "corpus": ("corpus", corpus, specs.corpora)}
    )
    place = Workplace(root.resolve())
    with show_stages() as report:
        text = specs.corpora[corpus]
        result = prove_model(specs.models[model], text, sample_bytes, place, report)
    file = write_result(root, "local" if local else "measured", result)
    print(_describe_proof(result, file))
    if result.error is not None:
        raise typer.Exit(1)


def _describe_proof(result: Result, file: str) -> str:
    if result.error is not None:
        return f"failed ({result.error.reason}): {result.error.message} → {file}"
    proof = result.proof
    assert proof is not None  # a proof that did not fail has it
    sample = counted(proof.sample_bytes, "byte")
    rate = 8 * proof.compressed_bytes / proof.sample_bytes
    lost = (proof.bits_quantised - proof.bits_ideal) / proof.tokens
    return (
        f"{sample} of {result.name} → {counted(proof.compressed_bytes, 'byte')} "
        f"({rate:.4f} bits/byte, without the header of {counted(proof.header_bytes, 'byte')}) → "
        f"{sample}, equal\n"
        f"cost {proof.bits_ideal:.1f} bits by the model's probabilities, "
        f"{proof.bits_quantised:.1f} by the coder's weights ({lost:+.4f} bits per token) → {file}"
    )
