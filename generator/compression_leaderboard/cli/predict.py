"""`leaderboard predict`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from compression_leaderboard.cli.app import AsJson, Root, app


@app.command()
def predict(
    root: Root = Path(),
    model: Annotated[str | None, typer.Option(help="A model of a table, by its id.")] = None,
    cohort: Annotated[str | None, typer.Option(help="The set of models to learn from.")] = None,
    compression: Annotated[
        list[str] | None,
        typer.Option(help="name=value, a column of the cohort; may be given several times."),
    ] = None,
    benchmark: Annotated[str | None, typer.Option(help="Only this benchmark.")] = None,
    as_json: AsJson = False,
    log: Annotated[
        bool, typer.Option("--log", help="Append unknown scores to the ledger of predictions.")
    ] = False,
    date: Annotated[str | None, typer.Option(help="With --log: the day, YYYY-MM-DD.")] = None,
    commit: Annotated[
        str | None, typer.Option(help="With --log: the commit predicted from, 40 hex.")
    ] = None,
) -> None:
    """Predict scores from compression, with 80 % and 95 % intervals.

    Example: `leaderboard predict --cohort huang-2024 --compression bpc_python=0.31`
    """
    from compression_leaderboard.cli.predictions import answer_row, find_answers, in_words

    logged = (date, commit) if log else None
    answers = find_answers(root, model, cohort, compression or [], benchmark, logged)
    if as_json:
        print(json.dumps([answer_row(*answer) for answer in answers], indent=2))
    else:
        print("\n".join(line for answer in answers for line in in_words(*answer)))
