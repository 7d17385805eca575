"""`leaderboard bundle`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from generator.cli.app import Root, app, valid_specs
from generator.files.results import write_atomically
from generator.files.shards import read_folder
from generator.intake.collect import sort_records
from generator.publish.text import counted
from generator.records.base import Problem, UserError
from generator.records.workers import Worker


@app.command()
def bundle(
    folder: Annotated[Path, typer.Argument(help="Folder that a shard wrote.")],
    worker: Annotated[str, typer.Option(help="Name of the worker, as in runs/workers.")],
    key: Annotated[Path, typer.Option(help="Its private key, as worker-key made it.")],
    to: Annotated[Path, typer.Option(help="File for the bundle.")],
    root: Root = Path(),
) -> None:
    """Sign the records of a folder, to be collected on another machine.

    Example: `leaderboard bundle out/ --worker gpu-box --key ~/gpu-box.key --to out.bundle`
    """
    from generator.files.keys import public_part, read_key
    from generator.intake.bundle import make_bundle
    from generator.intake.signed import BundleError, sign_bundle

    specs = valid_specs(root)
    public_key = _known(worker, specs.workers).public_key
    private = read_key(key)
    if public_part(private) != public_key:
        wrong = f'is not the key of "{worker}" in runs/workers'
        raise UserError([Problem(str(key), "", wrong, "name the worker whose key it is")])
    stored, shards, refused = read_folder(folder)
    if not shards:
        repair = "give the folder that `leaderboard measure --shard … --to` wrote"
        raise UserError([Problem(str(folder), "", "holds no shard.jsonl", repair)])
    found = sort_records(stored, shards, specs)
    if refused + found.refused:
        raise UserError(refused + found.refused)
    if not stored:
        repair = "run `leaderboard measure --shard … --to` to its end"
        raise UserError([Problem(str(folder), "", "holds no record", repair)])
    for line in found.missing:
        print(f"missing: {line}", file=sys.stderr)
    try:
        content = sign_bundle(make_bundle(shards, stored, specs), worker, private)
    except BundleError as error:
        raise UserError([f"{to}: {error}"]) from None
    write_atomically(to, content)
    print(f'{to}: {counted(len(stored), "record")}, signed by "{worker}"')


def _known(name: str, workers: dict[str, Worker]) -> Worker:
    if name not in workers:
        shown = f"runs/workers/{name}.toml"
        repair = "make it with `leaderboard worker-key`"
        raise UserError([Problem(shown, "", "is not there", repair)])
    return workers[name]
