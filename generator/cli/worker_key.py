"""`leaderboard worker-key`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from generator.cli.app import Root, app
from generator.files.results import write_atomically
from generator.intake.toml_text import toml_text
from generator.records.base import Problem, UserError, problems_of
from generator.records.workers import Worker


@app.command()
def worker_key(
    name: Annotated[str, typer.Argument(help="Name of the worker, such as gpu-box.")],
    key: Annotated[Path, typer.Option(help="New file for the private key, outside of here.")],
    root: Root = Path(),
    note: Annotated[
        str | None, typer.Option(help="Whose machine it is, for those who review the key.")
    ] = None,
) -> None:
    """Make a worker's key: the private part into a file, the public part into runs/workers.

    Example: `leaderboard worker-key gpu-box --key ~/gpu-box.key`
    """
    from generator.files.keys import write_key

    shown = f"runs/workers/{name}.toml"
    _worker(name, "0" * 64, note, shown)
    if (root / shown).exists():
        repair = "choose another name; a key is replaced by removing the file first"
        raise UserError([Problem(shown, "", "is there already", repair)])
    if key.resolve().is_relative_to(root.resolve()):
        repair = "name a file outside of it, so that it is never committed"
        raise UserError([Problem(str(key), "", "is inside the repository", repair)])
    worker = _worker(name, write_key(key), note, shown)
    write_atomically(root / shown, toml_text(worker).encode())
    print(f"{key}: the private key; keep it on this machine, show it to nobody")
    print(f"{shown}: the public key; send it in a pull request of its own")


def _worker(name: str, public_key: str, note: str | None, shown: str) -> Worker:
    try:
        return Worker(name=name, public_key=public_key, note=note)
    except ValidationError as error:
        raise UserError(problems_of(error, shown, Worker)) from None
