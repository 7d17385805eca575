"""New models: what is known before they are measured, and the draft of a model's file."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import tomlkit

from compression_leaderboard.board.cohorts import Cohort, make_cohorts
from compression_leaderboard.gate.pull_request import judge_texts
from compression_leaderboard.plan.estimates import Estimate, History
from compression_leaderboard.plan.hub_weights import HubListing, Refusal, Room, judge_weights
from compression_leaderboard.plan.jobs import plan_jobs
from compression_leaderboard.records.base import Problem, model_file
from compression_leaderboard.records.models import Model
from compression_leaderboard.repository.contents import Contents

RUNNER = Room(disk_bytes=14 * 10**9, memory_bytes=16 * 10**9, bytes_per_parameter=4)
WAITS = ("gated", "too_large")  # reasons that make a model wait and do not refuse it
ROUNDED = 0.05  # relative: files of models may give 135M for 134.5M parameters
HUB_BEGAN = date(2022, 3, 2)  # the Hub's date of every repository that is older
# In the order of a model's file; training_tokens may be left out for good.
FIELDS = ("name", "family", "kind", "parameters", "training_tokens", "released", "licence")
DATED = "when the repository was made; correct it if the weights were released on another day"


@dataclass(frozen=True)
class HubAnswer:
    """The Hub's listing of a model, or why there is none."""

    listing: HubListing | None
    why: str = ""
    is_refused: bool = False  # the repository is at fault, not the network


AskHub = Callable[[str, str | None], HubAnswer]  # repository, revision


@dataclass(frozen=True)
class Relative:
    """The nearest model of a new model's family in one table."""

    table: str
    name: str
    parameters: int
    compression: float  # mean over the table's texts
    unit: str
    better: int  # rows of the table that compress better than it
    rows: int


@dataclass(frozen=True)
class HubCheck:
    """What the Hub's metadata say about a model."""

    lines: Sequence[str]  # whether it can run
    refusals: Sequence[str] = ()
    twins: Collection[str] = ()  # ids of models with the same weights by hash
    hashes_known: bool = False  # whether hashes of its weights could be compared


@dataclass(frozen=True)
class Newcomer:
    """A model that a pull request adds or changes, and what is known before it is measured."""

    model: Model
    hub: HubCheck
    estimates: Sequence[Estimate]  # one per job that is due
    relatives: Sequence[Relative]


def judge_models(
    models: Sequence[Model], contents: Contents, sound: Contents, ask_hub: AskHub | None
) -> tuple[list[Newcomer], list[Problem]]:
    """Judge models of a pull request, and describe the sound ones before they are measured.

    contents: those of the base branch with the pull request's files. sound: without models that
    have a problem.
    """
    specs = sound.specs
    jobs = plan_jobs(specs, sound.stored)
    history = History((entry.result for entry in sound.stored), specs.models, "cpu")
    cohorts = make_cohorts(specs, sound.stored, ())
    newcomers, problems = [], []
    for model in models:
        hub = HubCheck(())
        if model.id in specs.models:
            hub = _check_hub(model, specs.models, ask_hub)
            estimates = [history.estimate(job) for job in jobs if job.model.id == model.id]
            newcomers.append(Newcomer(model, hub, estimates, [*_relatives(model, cohorts)]))
        problems += [hub_problem(model.file, message) for message in hub.refusals]
        problems += judge_texts(model.file, model.model_dump(mode="json"))
        others = [other for other in contents.specs.models.values() if other.id != model.id]
        problems += judge_same_weights(model.file, model.revision_ids, others, hub.twins)
    return newcomers, problems


def _check_hub(model: Model, others: Mapping[str, Model], ask_hub: AskHub | None) -> HubCheck:
    if not model.weights.hub:
        return HubCheck(["weights are not on the Hub: measuring checks them"])
    if ask_hub is None:
        return HubCheck(["could not be checked: the Hub was not asked (--no-hub)"])
    answer = ask_hub(model.weights.hub, model.weights.revision)
    if (listing := answer.listing) is None:
        refusals = [answer.why] if answer.is_refused else []
        return HubCheck([f"could not be checked: {answer.why}"], refusals)
    refusals, lines = _describe_listing(listing, model.licence)
    parameters = sum(listing.parameters.values()) or model.parameters
    twins = find_twins(model.id, parameters, listing, others, ask_hub)
    return HubCheck(lines, refusals, sorted(twins), listing.content_revision is not None)


def _describe_listing(listing: HubListing, licence: str) -> tuple[list[str], list[str]]:
    """List what the Hub's metadata refuse, and in words what else they say."""
    refusals = judge_weights(listing, licence, RUNNER)
    parameters = sum(listing.parameters.values())
    lines = [
        f"safetensors: {', '.join(listing.weights) or 'none'}",
        f"licence on the Hub: {listing.licence or 'not stated'}",
        f"gated: {'yes' if listing.gated else 'no'}",
        f"weights: {listing.weights_bytes / 1e9:.2f} GB, {parameters or 'unknown'} parameters; "
        f"the runner has {RUNNER.disk_bytes / 1e9:.0f} GB of disk and "
        f"{RUNNER.memory_bytes / 1e9:.0f} GB of memory",
        *_waits(refusals),
    ]
    return [refusal.message for refusal in refusals if refusal.reason not in WAITS], lines


def _waits(refusals: Sequence[Refusal]) -> list[str]:
    """Reasons that keep a model from the board's runners but not from other machines."""
    return [f"waits: {refusal.message}" for refusal in refusals if refusal.reason in WAITS]


def find_twins(
    model_id: str,
    parameters: int,
    listing: HubListing,
    others: Mapping[str, Model],
    ask_hub: AskHub,
) -> set[str]:
    """Find models with the same weights by their SHA-256, whatever their names and commits.

    model_id, parameters: of the model that the listing describes. The Hub is asked only about
    models with about the same number of parameters.
    """
    revision = listing.content_revision
    if revision is None:
        return set()
    twins = set()
    for other in others.values():
        if other.id == model_id:
            continue
        if revision in other.revision_ids:
            twins.add(other.id)
        elif other.weights.hub and math.isclose(other.parameters, parameters, rel_tol=ROUNDED):
            theirs = ask_hub(other.weights.hub, other.weights.revision).listing
            if theirs is not None and theirs.content_revision == revision:
                twins.add(other.id)
    return twins


def _relatives(model: Model, cohorts: Sequence[Cohort]) -> Iterator[Relative]:
    """Find in each table of the model's kind the member of its family that is nearest in size."""
    for cohort in cohorts:
        rows = [
            (row, value)
            for row in cohort.rows
            if (value := row.value(cohort.mean_compression)) is not None
            and row.model != model.id
            and row.kind == model.kind
        ]
        family = [
            (abs(math.log((row.parameters or 1) / model.parameters)), row, value)
            for row, value in rows
            if row.family == model.family
        ]
        if family:
            _, row, compression = min(family, key=lambda member: member[0])
            yield Relative(
                table=cohort.title,
                name=row.name,
                parameters=int(row.parameters or 0),
                compression=compression,
                unit=cohort.unit or "",
                better=sum(value < compression for _, value in rows),
                rows=len(rows),
            )


def hub_problem(file: str, message: str) -> Problem:
    """Make a problem of a model's file from a message that ends with its repair."""
    wrong, _, repair = message.rpartition("; ")
    return Problem(file, "weights", wrong, repair)


def judge_same_weights(
    file: str, revisions: Collection[str], others: Sequence[Model], twins: Collection[str]
) -> list[Problem]:
    """Report weights that are on the board under another name.

    twins: ids of models with the same weights by hash.
    """
    same = {other.id for other in others if not other.revision_ids.isdisjoint(revisions)}
    repair = "keep that model's file only"
    return [
        Problem(file, "weights.revision", f"these are the weights of {other}", repair)
        for other in sorted(same | set(twins))
    ]


def why_not_added(
    name: str,
    listing: HubListing,
    family: str | None,
    others: Mapping[str, Model],
    twins: Collection[str],
) -> list[Problem]:
    """List every reason against a model, whatever machine would measure it."""
    file = model_file(name)
    return [
        *(hub_problem(file, refusal.message) for refusal in judge_weights(listing, None, None)),
        *judge_same_weights(file, {listing.revision}, [*others.values()], twins),
        *judge_texts(file, {"family": family, "licence": listing.licence}),
    ]


@dataclass(frozen=True)
class Draft:
    """The beginning of a model's file."""

    file: str
    text: str
    notes: Sequence[str]  # what to fill in, correct or wait for


def draft_model(name: str, listing: HubListing, family: str | None, kind: str | None) -> Draft:
    """Draft a model's file. family, kind: from the user, since the Hub states neither."""
    created = listing.created
    known: dict[str, Any] = {
        "name": name,
        "family": family or None,
        "kind": kind,
        "parameters": sum(listing.parameters.values()) or None,
        "released": created if created is not None and created > HUB_BEGAN else None,
        "licence": listing.licence if listing.licence != "other" else None,
    }
    lines, notes = [], []
    for key in FIELDS:
        if (value := known.get(key)) is not None:
            lines.append(tomlkit.dumps({key: value}))
            continue
        field = Model.model_fields[key]
        fill_in = "fill it in: " if field.is_required() else ""
        notes.append(f"{key}: not known, left out; {fill_in}{field.description}")
        lines.append(f"# {notes[-1]}\n")
    if known["released"] is not None:
        notes.append(f"released: {created}, {DATED}")
    weights = {"hub": listing.repository, "revision": listing.revision}
    lines += ["\n", tomlkit.dumps({"weights": weights})]
    notes += _waits(judge_weights(listing, None, RUNNER))
    return Draft(model_file(name), "".join(lines), notes)
