"""`leaderboard add`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from generator.cli.app import Root, app
from generator.files.results import write_atomically
from generator.files.specs import read_specs
from generator.intake.add import draft_model, file_of, why_not_added
from generator.intake.newcomer import as_problem, find_twins
from generator.records.base import Problem, UserError
from generator.records.names import MODEL_NAME, model_id


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="org/model on the Hugging Face Hub.")],
    root: Root = Path(),
    revision: Annotated[
        str | None, typer.Option(help="A commit, branch or tag; without it the newest commit.")
    ] = None,
    family: Annotated[
        str | None, typer.Option(help="The family of the model, which the Hub does not tell.")
    ] = None,
    kind: Annotated[
        Literal["base", "instruct"] | None,
        typer.Option(help="What it is, which the Hub does not tell."),
    ] = None,
) -> None:
    """Begin a model's file with what the Hub tells: revision, parameters, licence and date.

    Example: `leaderboard add org/model --family Name --kind base`
    """
    from generator.cli.newcomers import list_model, list_repository

    models = read_specs(root)[0].models  # a file that is begun is not in order yet
    _refuse_known(name, root, {other.lower() for other in models})
    listing, why, _ = list_repository(name, revision)
    if listing is None:
        raise UserError([as_problem(file_of(name), why)])
    parameters = sum(listing.parameters.values())
    own_id = model_id(name, None)
    twins = find_twins(own_id, parameters, listing, models, lambda other: list_model(other)[0])
    if reasons := why_not_added(name, listing, family, models, twins):
        raise UserError(reasons)
    draft = draft_model(name, listing, family, kind)
    write_atomically(root / draft.file, draft.text.encode())
    print(f"{draft.file}: written")
    for note in draft.notes:
        print(f"{draft.file}: {note}")


def _refuse_known(name: str, root: Path, known: set[str]) -> None:
    """Before the Hub is asked: names that are none, and models that have a file."""
    if not MODEL_NAME.fullmatch(name):
        raise UserError(
            [Problem(name, "", "is not of the form org/model", "use letters, digits, . _ - only")]
        )
    if model_id(name, None).lower() in known or (root / file_of(name)).exists():
        repair = "edit its file, or choose another model"
        raise UserError([Problem(file_of(name), "", "is on the board already", repair)])
