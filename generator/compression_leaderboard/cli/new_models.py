"""What is known of new models before they are measured, and `leaderboard add`."""

import math
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from compression_leaderboard.cli.app import Root, app
from compression_leaderboard.gate.new_model import draft_model, file_of, why_not_added
from compression_leaderboard.gate.summary import (
    Newcomer,
    Relative,
    as_problem,
    describe_listing,
    find_twins,
)
from compression_leaderboard.plan import plan_jobs
from compression_leaderboard.plan.estimates import History
from compression_leaderboard.plan.hub_weights import HubListing
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.names import COMMIT, MODEL_NAME, model_id
from compression_leaderboard.repository.contents import Contents
from compression_leaderboard.repository.results import write_atomically
from compression_leaderboard.repository.specs import read_specs

if TYPE_CHECKING:
    from compression_leaderboard.board.cohorts import Cohort
    from compression_leaderboard.board.figures import Row

Asked = tuple[HubListing | None, str, bool]  # listing, else why there is none, and whose fault


def describe_newcomers(
    models: Iterable[Model], contents: Contents, ask_hub: bool
) -> tuple[list[Newcomer], list[Problem]]:
    """Each model with what can be said of it, and what the Hub's metadata refuse.

    contents: those of the base branch with the pull request's files.
    """
    from compression_leaderboard.board.cohorts import make_cohorts

    specs = contents.specs
    jobs = plan_jobs(specs, contents.stored)
    history = History((entry.result for entry in contents.stored), specs.models, "cpu")
    cohorts = make_cohorts(specs, contents.stored, ())
    newcomers, problems = [], []
    for model in models:
        told = _told_by_hub(model, specs.models, ask_hub)
        problems += [as_problem(model.file, line) for line in told.refusals]
        due = [job for job in jobs if job.model.id == model.id]
        newcomers.append(
            Newcomer(
                model=model,
                runs_here=tuple(told.lines),
                jobs=len(due),
                estimates=tuple(history.estimate(job) for job in due),
                twins=tuple(sorted(told.twins)),
                hashes_known=told.hashes_known,
                relatives=tuple(_relatives(model, cohorts, specs.models)),
            )
        )
    return newcomers, problems


@dataclass(frozen=True)
class Told:
    """What the Hub's metadata say of a model."""

    lines: Sequence[str]  # whether it can run
    refusals: Sequence[str] = ()
    twins: Collection[str] = ()  # ids of models with the same weights by hash
    hashes_known: bool = False


def _told_by_hub(model: Model, others: Mapping[str, Model], ask_hub: bool) -> Told:
    """others: the models of the board, this one among them."""
    if not model.weights.hub:
        return Told(["weights are not on the Hub: measuring checks them"])
    if not ask_hub:
        return Told(["could not be checked: was not asked"])
    listing, why, refused = list_model(model)
    if listing is None:
        return Told([f"could not be checked: {why}"], [why] if refused else [])
    hard, lines = describe_listing(listing, model.licence)
    count = sum(listing.parameters.values()) or model.parameters
    twins = find_twins(model.id, count, listing, others, lambda other: list_model(other)[0])
    return Told(lines, hard, twins, listing.content_revision is not None)


def list_model(model: Model) -> Asked:
    """The Hub's listing of a model at its pinned revision."""
    assert model.weights.hub is not None  # it is asked of those only
    return list_repository(model.weights.hub, model.weights.revision)


def list_repository(repository: str, revision: str | None) -> Asked:
    """The Hub's listing of a model; of files only configurations are fetched.

    revision: a commit, or a branch or tag whose commit is looked up; None is the main branch.
    """
    try:
        from compression_leaderboard.measure.hub import list_weights, resolve_commit
        from compression_leaderboard.measure.record import MeasureError
    except ImportError as error:
        return None, f"{error.name} is not installed; pip install '.[measure]'", False
    with tempfile.TemporaryDirectory(prefix="leaderboard-") as cache:
        try:
            if revision is None or not COMMIT.fullmatch(revision):
                revision = resolve_commit(repository, revision)
            return list_weights(repository, revision, Path(cache)), "", False
        except MeasureError as error:
            return None, error.message, error.reason == "weights"
        except (ValueError, RecursionError):
            return None, "a configuration of the repository is not valid JSON; mend it there", True


def _relatives(
    model: Model, cohorts: "Iterable[Cohort]", known: Mapping[str, Model]
) -> Iterable[Relative]:
    """In each table of its kind the model of its family that is nearest in size."""
    for cohort in cohorts:
        mean = cohort.mean_compression
        rows = [
            (row, value)
            for row in cohort.rows
            if (value := row.value(mean)) is not None
            and row.model != model.id
            and row.kind == model.kind
        ]
        family = [(row, value) for row, value in rows if row.family == model.family]
        if not family:
            continue
        near, compression = min(family, key=lambda one: _distance(one[0], model))
        yield Relative(
            table=cohort.title,
            name=near.name,
            parameters=int(near.parameters or 0),
            compression=compression,
            unit=cohort.unit or "",
            better=sum(value < compression for _, value in rows),
            rows=len(rows),
        )


def _distance(row: "Row", model: Model) -> float:
    """Between two sizes, on a log scale."""
    return abs(math.log(row.parameters or 1) - math.log(model.parameters))


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
