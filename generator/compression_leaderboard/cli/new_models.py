"""`leaderboard add`, and what the Hub answers about a model."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from compression_leaderboard.cli.app import Root, app
from compression_leaderboard.records.base import (
    COMMIT,
    MODEL_NAME,
    Problem,
    UserError,
    model_file,
    model_id,
)
from compression_leaderboard.repository.files import write_atomically
from compression_leaderboard.repository.specs import read_specs

if TYPE_CHECKING:
    from compression_leaderboard.gate.new_model import HubAnswer


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="org/model on the Hugging Face Hub.")],
    root: Root = Path(),
    revision: Annotated[
        str | None, typer.Option(help="A commit, branch or tag. Default: the newest commit.")
    ] = None,
    family: Annotated[
        str | None, typer.Option(help="The model's family, which the Hub does not state.")
    ] = None,
    kind: Annotated[
        Literal["base", "instruct"] | None,
        typer.Option(help="Its kind, which the Hub does not state."),
    ] = None,
) -> None:
    """Draft a model's file from the Hub's metadata: revision, parameters, licence and date.

    Example: `leaderboard add org/model --family Name --kind base`
    """
    from compression_leaderboard.gate.new_model import (
        draft_model,
        find_twins,
        hub_problem,
        why_not_added,
    )

    file, new_id = model_file(name), model_id(name, None)
    models = read_specs(root)[0].models  # a drafted file still has problems
    if not MODEL_NAME.fullmatch(name):
        repair = "use letters, digits, . _ - only"
        raise UserError([Problem(name, "", "is not of the form org/model", repair)])
    if new_id.lower() in {known.lower() for known in models} or (root / file).exists():
        repair = "edit its file, or choose another model"
        raise UserError([Problem(file, "", "is on the board already", repair)])
    answer = ask_hub(name, revision)
    if (listing := answer.listing) is None:
        raise UserError([hub_problem(file, answer.why)])
    parameters = sum(listing.parameters.values())
    twins = find_twins(new_id, parameters, listing, models, ask_hub)
    if problems := why_not_added(name, listing, family, models, twins):
        raise UserError(problems)
    draft = draft_model(name, listing, family, kind)
    write_atomically(root / file, draft.text.encode())
    print(f"{file}: written")
    for note in draft.notes:
        print(f"{file}: {note}")


def ask_hub(repository: str, revision: str | None) -> "HubAnswer":
    """List a model's files on the Hub; only configurations are fetched.

    revision: a commit, branch or tag; None is the newest commit.
    """
    from compression_leaderboard.gate.new_model import HubAnswer

    try:
        from compression_leaderboard.measure.hub import list_weights, resolve_commit
        from compression_leaderboard.measure.record import MeasureError
    except ImportError as error:
        return HubAnswer(None, f"{error.name} is not installed; run `pip install '.[measure]'`")
    with tempfile.TemporaryDirectory(prefix="leaderboard-") as cache:
        try:
            if revision is None or not COMMIT.fullmatch(revision):
                revision = resolve_commit(repository, revision)
            return HubAnswer(list_weights(repository, revision, Path(cache)))
        except MeasureError as error:
            return HubAnswer(None, error.message, error.reason == "weights")
        except (ValueError, RecursionError):
            why = "a configuration of the repository is not valid JSON; fix it there"
            return HubAnswer(None, why, is_refused=True)
