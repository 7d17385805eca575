"""What a pull request's models are, the job summary, and inline annotations for GitHub."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from compression_leaderboard.plan.estimates import Estimate
from compression_leaderboard.plan.hub_weights import HubListing, Refusal, Room, judge_weights
from compression_leaderboard.records.base import Problem
from compression_leaderboard.records.models import Model

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


LINE = re.compile(r"\(at line (\d+)|^line (\d+)")


def annotation(problem: Problem, text: str | None) -> str:
    """The problem on its line. text: of the file, to find the line; None where it was not read."""
    file = escape_property(problem.file)
    place = f"file={file},line={line_of(problem, text)}"
    return f"::error {place},title={escape_property(problem.file)}::{escape_data(str(problem))}"


def escape_data(text: str) -> str:
    """Text of a workflow command; in it a line end would begin the next command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def line_of(problem: Problem, text: str | None) -> int:
    """Where the field of a problem stands in its file; 1 where that is not known."""
    if said := LINE.search(problem.field) or LINE.search(problem.wrong):
        return int(said[1] or said[2])
    if text is None or not problem.field:
        return 1
    line = 0
    lines = text.split("\n")
    for part in problem.field.split("."):
        pattern = re.compile(rf'\s*(\[\[?{re.escape(part)}\]|"?{re.escape(part)}"?\s*[=:])')
        begin = line if part != "weights" else 0
        found = next((n for n in range(begin, len(lines)) if pattern.match(lines[n])), None)
        line = line if found is None else found
    return line + 1


MOST = 100  # problems shown; the annotations hold them all
UNSAFE = {ord(c): f"&#{ord(c)};" for c in "\\`*_{}[]()<>#+-.!|&~:@\"'$^=/%"}


def plain(text: object) -> str:
    """Text of a stranger: one line, every sign that Markdown or HTML could read as a number."""
    line = "".join(c if c.isprintable() else "�" for c in str(text))
    return line.translate(UNSAFE)


def summarise(
    problems: Sequence[Problem],
    newcomers: Sequence[Newcomer],
    changed: int,
) -> str:
    """The whole summary. changed: files of data that were looked at."""
    lines = ["## Pull request", ""]
    if problems:
        lines += [f"**{len(problems)} to repair**, all at once:", ""]
        lines += [f"- {plain(problem)}" for problem in problems[:MOST]]
        if len(problems) > MOST:
            lines.append(f"- … and {len(problems) - MOST} more, in the annotations")
    elif changed:
        lines.append(f"Nothing to repair in {changed} files of data.")
    else:
        lines.append("No models and no results are changed: nothing for this check to judge.")
    for newcomer in newcomers:
        lines += ["", *_section(newcomer)]
    return "\n".join(lines) + "\n"


def _section(newcomer: Newcomer) -> list[str]:
    lines = [f"### {plain(newcomer.model.title)}", ""]
    lines += [f"- Can it run: {plain(line)}" for line in newcomer.runs_here]
    lines.append(f"- Time: {plain(_time(newcomer))}")
    copies = ", ".join(newcomer.twins) or "none found"
    how = "by hash of the weights" if newcomer.hashes_known else "by pinned revision only"
    lines.append(f"- Same weights under another name: {plain(copies)} ({how})")
    return [*lines, *(f"- Place: {plain(line)}" for line in _places(newcomer))]


def _time(newcomer: Newcomer) -> str:
    known = [(e.seconds, e.seconds_factor) for e in newcomer.estimates if e.seconds is not None]
    if not newcomer.jobs:
        return "nothing to measure"
    if not known:
        return f"unknown for all {newcomer.jobs} jobs: no records of models of about this size"
    total = math.fsum(seconds for seconds, _ in known)
    worst = max((factor for _, factor in known if factor), default=None)
    error = f", within a factor of about {worst:.1f}" if worst else ""
    return (
        f"about {max(1, round(total / 60))} minutes{error}, for {len(known)} of {newcomer.jobs} "
        "jobs, without loading the weights"
    )


def _places(newcomer: Newcomer) -> list[str]:
    """The place of the nearest relative, which is what can be said before anything is measured."""
    if not newcomer.relatives:
        return ["no prediction: no model of its family is in the tables"]
    return [
        f"about {r.better + 1} of {r.rows + 1} in {r.table}, if it compresses like {r.name} of its "
        f"family ({r.parameters} parameters, {r.compression:.3f} {r.unit})"
        for r in newcomer.relatives
    ]
