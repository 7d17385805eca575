"""What a pull request's job summary says of a model: can it run, how long, which place, copies."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from generator.intake.weights import HubListing, Refusal, Room, judge_weights
from generator.plan.estimates import Estimate
from generator.records.base import Problem
from generator.records.models import Model

RUNNER = Room(disk_bytes=14 * 10**9, memory_bytes=16 * 10**9, bytes_per_parameter=4)
ROUNDED = 0.05  # as 135M for 134.5M
WAITS = ("gated", "too_large")  # reasons that make a model wait and do not refuse it


@dataclass(frozen=True)
class Relative:
    """The nearest model of the family in a table where the newcomer will stand."""

    table: str
    name: str
    parameters: int
    compression: float  # mean over the table's texts
    unit: str
    better: int  # rows of the table that compress better than it
    rows: int


@dataclass(frozen=True)
class Newcomer:
    """A model that a pull request adds or changes, and what is known before it is measured."""

    model: Model
    runs_here: tuple[str, ...]  # a line each
    jobs: int
    estimates: tuple[Estimate, ...]
    twins: tuple[str, ...]  # other ids of the same weights
    hashes_known: bool  # whether hashes of its weights could be compared
    relatives: tuple[Relative, ...]


def sort_refusals(refusals: Sequence[Refusal]) -> tuple[list[str], list[str]]:
    """Lines that refuse a model, and lines that make it wait for something."""
    hard = [refusal.message for refusal in refusals if refusal.reason not in WAITS]
    return hard, [refusal.message for refusal in refusals if refusal.reason in WAITS]


def as_problem(file: str, message: str) -> Problem:
    """A line on a model's weights that ends with what to do, as a problem of its file."""
    wrong, _, repair = message.rpartition("; ")
    return Problem(file, "weights", wrong, repair)


def describe_listing(listing: HubListing, licence: str) -> tuple[list[str], list[str]]:
    """What the Hub's metadata refuse, and in words what they say on the rest."""
    refusals = judge_weights(listing, licence, RUNNER)
    hard, waits = sort_refusals(refusals)
    parameters = sum(listing.parameters.values())
    told = [
        f"safetensors: {', '.join(listing.weights) or 'none'}",
        f"licence on the Hub: {listing.licence or 'not stated'}",
        f"gated: {'yes' if listing.gated else 'no'}",
        f"weights: {listing.weights_bytes / 1e9:.2f} GB, {parameters or 'unknown'} parameters; "
        f"the runner has {RUNNER.disk_bytes / 1e9:.0f} GB of disk and "
        f"{RUNNER.memory_bytes / 1e9:.0f} GB of memory",
    ]
    return hard, [*told, *(f"waits: {line}" for line in waits)]


def find_twins(
    own_id: str,
    parameters: int,
    listing: HubListing,
    others: Mapping[str, Model],
    list_other: Callable[[Model], HubListing | None],
) -> set[str]:
    """Ids of models with the same weights, told by SHA-256 rather than by name or commit.

    own_id: of the model whose weights these are. parameters: how many they hold.
    list_other: the Hub's listing of another model, or None; asked only where the number of
    parameters is about the same, since files of models may round it.
    """
    mine = listing.content_revision
    if mine is None:
        return set()
    found = set()
    for other in others.values():
        if other.id == own_id:
            continue
        if any(checkpoint.revision == mine for checkpoint in other.revisions()):
            found.add(other.id)
        elif other.weights.hub and math.isclose(other.parameters, parameters, rel_tol=ROUNDED):
            theirs = list_other(other)
            if theirs is not None and theirs.content_revision == mine:
                found.add(other.id)
    return found
