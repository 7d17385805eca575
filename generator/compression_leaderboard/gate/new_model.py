"""New models: what is known before they are measured, and the draft of a model's file."""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import tomlkit

from compression_leaderboard.board.cohorts import Cohort, make_cohorts
from compression_leaderboard.gate.changed_files import validate_texts
from compression_leaderboard.gate.impossible import EARLIEST
from compression_leaderboard.plan.estimates import Estimate, History
from compression_leaderboard.plan.hub_weights import HubListing, Refusal, Room, check_weights
from compression_leaderboard.plan.jobs import plan_jobs
from compression_leaderboard.records.base import Problem, model_file
from compression_leaderboard.records.models import Model
from compression_leaderboard.repository.contents import Contents
from compression_leaderboard.wording import counted

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
class Newcomer:
    """A model that a pull request adds or changes, as known before it is measured."""

    title: str
    facts: Sequence[tuple[str, str]]  # label and sentence


def validate_models(
    models: Sequence[Model],
    contents: Contents,
    sound: Contents,
    latest: date,
    ask_hub: AskHub | None,
) -> tuple[list[Newcomer], list[Problem]]:
    """Validate models of a pull request, and describe the sound ones before they are measured.

    contents: those of the base branch with the pull request's files. sound: without models that
    have a problem. latest: the last day on which weights may have been released.
    """
    specs = sound.specs
    jobs = plan_jobs(specs, sound.stored)
    history = History((entry.result for entry in sound.stored), specs.models, "cpu")
    cohorts = make_cohorts(specs, sound.stored, ())
    newcomers, problems = [], []
    for model in models:
        others = [other for other in contents.specs.models.values() if other.id != model.id]
        twins: set[str] = set()
        if model.id in specs.models:
            lines, refusals, listing = _check_hub(model, ask_hub)
            problems += [hub_problem(model.file, message) for message in refusals]
            if listing is not None and ask_hub is not None:
                size = sum(listing.parameters.values()) or model.parameters
                twins = _find_twins(size, listing, others, ask_hub)
                problems += _check_size(model, listing)
            by_hash = listing is not None and listing.content_revision is not None
            how = "by hash of the weights" if by_hash else "by pinned revision only"
            same = f"{', '.join(sorted(twins)) or 'none found'} ({how})"
            estimates = [history.estimate(job) for job in jobs if job.model.id == model.id]
            facts = [
                *(("Can it run", line) for line in lines),
                ("Time", _describe_time(estimates)),
                ("Same weights under another name", same),
                *(("Place", line) for line in _describe_places(model, cohorts)),
            ]
            newcomers.append(Newcomer(model.title, facts))
        problems += validate_texts(model.file, model.model_dump(mode="json"))
        problems += _check_identity(model, others, latest)
        problems += _find_same_weights(model.file, model.weights_ids, others, twins)
    return newcomers, problems


def _check_hub(
    model: Model, ask_hub: AskHub | None
) -> tuple[list[str], list[str], HubListing | None]:
    """Ask the Hub whether a model can run, in lines; list reasons against it, and its files."""
    if not model.weights.hub:
        return ["weights are not on the Hub: measuring checks them"], [], None
    if ask_hub is None:
        return ["could not be checked: the Hub was not asked (--no-hub)"], [], None
    answer = ask_hub(model.weights.hub, model.weights.revision)
    if (listing := answer.listing) is None:
        refused = [answer.why] if answer.is_refused else []
        return [f"could not be checked: {answer.why}"], refused, None
    if model.weights.file:
        listing = replace(listing, file=model.weights.file[0])
    refusals = check_weights(listing, model.licence, RUNNER)
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
    messages = [refusal.message for refusal in refusals if refusal.reason not in WAITS]
    return lines, messages, listing


def _check_size(model: Model, listing: HubListing) -> list[Problem]:
    """Compare the number of parameters with that of the tensors on the Hub."""
    counted_there = sum(listing.parameters.values())
    if not counted_there or math.isclose(model.parameters, counted_there, rel_tol=ROUNDED):
        return []
    wrong = f"{model.parameters} are not the {counted_there} on the Hub"
    return [Problem(model.file, "parameters", wrong, f"write {counted_there}")]


def _check_identity(model: Model, others: Iterable[Model], latest: date) -> list[Problem]:
    """Check what the file says the model is: its name, family and date."""
    problems = []
    weights = model.weights
    if weights.hub and not weights.quantization and weights.hub != model.name:
        wrong = f'"{model.name}" is not the repository of its weights, {weights.hub}'
        problems.append(Problem(model.file, "name", wrong, f"write {weights.hub}"))
    if not EARLIEST <= model.released <= latest:
        wrong = f"{model.released} is not between {EARLIEST} and {latest}"
        problems.append(Problem(model.file, "released", wrong, "write the day of the release"))
    families = {other.family.casefold(): other.family for other in others}
    if (known := families.get(model.family.casefold(), model.family)) != model.family:
        wrong = f'"{model.family}" differs from "{known}" in upper and lower case alone'
        problems.append(Problem(model.file, "family", wrong, f"write {known}"))
    return problems


def validate_revisions(before: Contents, after: Contents) -> list[Problem]:
    """Refuse a model's file that no longer names weights which were measured."""
    measured: dict[str, set[str]] = defaultdict(set)
    for entry in before.stored:
        if entry.counts:
            measured[entry.result.model].add(entry.result.revision)
    return [
        Problem(
            model.file,
            "weights.revision",
            f"{revision} was measured and is named no more",
            "keep it; other weights are another model, or a checkpoint",
        )
        for model in after.specs.models.values()
        for revision in sorted(measured[model.id] - model.revision_ids)
        if model.id in before.specs.models
        and revision in before.specs.models[model.id].revision_ids
    ]


def _waits(refusals: Sequence[Refusal]) -> list[str]:
    """List reasons that keep a model from the board's runners but not from other machines."""
    return [f"waits: {refusal.message}" for refusal in refusals if refusal.reason in WAITS]


def _describe_time(estimates: Sequence[Estimate]) -> str:
    """Describe the time of all jobs in words. estimates: one per job that is due."""
    jobs = counted(len(estimates), "job")
    known = [(e.seconds, e.seconds_factor) for e in estimates if e.seconds is not None]
    if not estimates:
        return "nothing to measure"
    if not known:
        return f"unknown for {jobs}: no records of models of about this size"
    minutes = max(1, round(math.fsum(seconds for seconds, _ in known) / 60))
    worst = max((factor for _, factor in known if factor), default=None)
    error = f", within a factor of about {worst:.1f}" if worst else ""
    return (
        f"about {counted(minutes, 'minute')}{error}, for {len(known)} of {jobs}, "
        "without loading the weights"
    )


def _describe_places(model: Model, cohorts: Sequence[Cohort]) -> list[str]:
    """Say for each table of the model's kind the rank of the member of its family nearest in size.

    Nothing more can be said before anything is measured.
    """
    places = []
    for cohort in cohorts:
        values = [
            (row, value)
            for row in cohort.rows
            if (value := row.value(cohort.mean_compression)) is not None
            and row.model != model.id
            and row.kind == model.kind
        ]
        family = [(row, value) for row, value in values if row.family == model.family]
        if not family:
            continue
        ratios = [abs(math.log((row.parameters or 1) / model.parameters)) for row, _ in family]
        row, rate = family[ratios.index(min(ratios))]
        better = sum(value < rate for _, value in values)
        places.append(
            f"about {better + 1} of {len(values) + 1} in {cohort.title}, if it compresses like "
            f"{row.name} of its family ({int(row.parameters or 0)} parameters, {rate:.3f} "
            f"{cohort.unit or ''})"
        )
    return places or ["no prediction: no model of its family is in the tables"]


def _find_twins(
    parameters: int, listing: HubListing, others: Iterable[Model], ask_hub: AskHub
) -> set[str]:
    """Find models with the same weights by their SHA-256, whatever their names and commits.

    parameters: of the model that the listing describes. The Hub is asked only about models with
    about the same number of parameters.
    """
    revision = listing.content_revision
    twins = set()
    for other in others if revision else ():
        if revision in other.weights_ids:
            twins.add(other.id)
        elif other.weights.hub and math.isclose(other.parameters, parameters, rel_tol=ROUNDED):
            theirs = ask_hub(other.weights.hub, other.weights.revision).listing
            if theirs is not None and theirs.content_revision == revision:
                twins.add(other.id)
    return twins


def hub_problem(file: str, message: str) -> Problem:
    """Make a problem of a model's file from a message that ends with its repair."""
    wrong, _, repair = message.rpartition("; ")
    return Problem(file, "weights", wrong, repair)


def _find_same_weights(
    file: str, revisions: Collection[str], others: Iterable[Model], twins: Collection[str]
) -> list[Problem]:
    """Report weights that are on the board under another name.

    twins: ids of models with the same weights by hash.
    """
    same = {other.id for other in others if not other.weights_ids.isdisjoint(revisions)}
    repair = "keep that model's file only"
    return [
        Problem(file, "weights.revision", f"these are the weights of {other}", repair)
        for other in sorted(same | set(twins))
    ]


def why_not_added(
    name: str,
    listing: HubListing,
    family: str | None,
    others: Collection[Model],
    ask_hub: AskHub,
) -> list[Problem]:
    """List every reason against a model, whatever machine would measure it."""
    file = model_file(name)
    parameters = sum(listing.parameters.values())
    twins = _find_twins(parameters, listing, others, ask_hub)
    return [
        *(hub_problem(file, refusal.message) for refusal in check_weights(listing, None, None)),
        *_find_same_weights(file, {listing.revision}, others, twins),
        *validate_texts(file, {"family": family, "licence": listing.licence}),
    ]


@dataclass(frozen=True)
class Draft:
    """The beginning of a model's file."""

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
    notes += _waits(check_weights(listing, None, RUNNER))
    return Draft("".join(lines), notes)
