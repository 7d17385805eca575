"""`leaderboard check`."""

import json
from pathlib import Path

import typer

from generator.cli.app import AsJson, Root, all_problems, app
from generator.records.base import UserError


@app.command()
def check(root: Root = Path(), as_json: AsJson = False) -> None:
    """Print every problem of runs/ and results/ at once.

    Example: `leaderboard check`
    """
    problems = all_problems(root)
    if as_json:
        print(json.dumps([vars(problem) for problem in problems], indent=1))
    elif problems:
        raise UserError(problems)
    else:
        print("runs/ and results/ are in order")
    if problems:
        raise typer.Exit(1)
