"""Which contributed records are measured again, and whether they agree with the re-measurement.

The re-measurement is in float32, whatever the record's number format. Correct measurements differ
by rounding, so each format has tolerances. Rounding is nearly a random walk over tokens: it moves a
document of b bits by about √b, where a forger's changes all go one way. So the whole sample has a
separate tolerance, a much smaller share than that of one document.

Measured on SmolLM2 135M and Gemma 3 270M, on documents of 32 to 6,000 bytes, against float32 on
one thread; largest of some 100 to 300 documents each:

| what differs | one document, bits per √bits | one, share | all, share |
|---|---|---|---|
| float32, threads and batches | 0.00001 | 0.000001 | 0.000000005 |
| float32, Intel and AMD | 0.0002 | 0.000004 | 0.000003 |
| float16 | 0.02 | 0.0014 | 0.00001 |
| bfloat16, also of other machines | 0.14 | 0.012 | 0.0005 |

Of 1,040 items of the starter tasks, bfloat16 moves a log-likelihood of −x nats by up to
0.23·√(1 + x) and turns 1.3 % of the answers of SmolLM2, 0.9 % of those of Gemma; the scores move by
0.4 and 0.1 points.

The tolerances are 3 to 30 times as large. What they leave to a forger: of 100,000 sampled bits
0.003 % in float32, 0.04 % in float16 and 0.23 % in bfloat16; of a mean score over 240 items 0.6,
1.1 and 2.4 points. Known gap: only two models and two kinds of processors were tried, and no GPU.
A model that bfloat16 moves further is flagged wrongly, and is to be measured in float32.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from compression_leaderboard.plan.estimates import (
    Costed,
    Estimate,
    History,
    Runner,
    why_too_large,
)
from compression_leaderboard.plan.jobs import (
    Job,
    Machine,
    latest_results,
    plan_jobs,
    software_changes,
)
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.rechecks import Recheck, draw_sample
from compression_leaderboard.records.results import FORMAT, Response, Result, leaves_of, retry_of
from compression_leaderboard.repository.provenance import Addition
from compression_leaderboard.repository.results import StoredRecheck, StoredResult
from compression_leaderboard.repository.specs import Specs
from compression_leaderboard.wording import counted

MOST = 20  # records measured again in one cycle, so that contributions never crowd out the rest
BYTES_PER_PARAMETER = 4  # of float32


@dataclass(frozen=True)
class Tolerance:
    """How far a correct record in one number format may be from its re-measurement."""

    root: float  # bits per square root of bits, of a document and of all together
    share: float  # of a document's bits, in addition
    mean_share: float  # of the bits of all sampled documents, in addition to the root
    nats: float  # of a log-likelihood of −x nats: this times √(1 + x)
    turned: float  # share of items that count as right in one of the two alone
    mean_right: float  # change of the share of items that are right


TOLERANCES = {
    "float32": Tolerance(0.001, 1e-4, 3e-5, 0.001, 0.002, 0.002),
    "float16": Tolerance(0.06, 2e-3, 2e-4, 0.08, 0.01, 0.007),
    "bfloat16": Tolerance(0.4, 5e-3, 1e-3, 0.5, 0.05, 0.02),
}


@dataclass(frozen=True)
class Difference:
    """One document or log-likelihood: record less re-measurement, and what rounding may move."""

    place: str
    amount: float  # bits or nats
    allowed: float

    @property
    def times(self) -> float:
        return abs(self.amount) / self.allowed


@dataclass(frozen=True)
class Outcome:
    """A record compared with its re-measurement."""

    compared: int  # documents or items
    worst: Difference  # the largest as a multiple of what is allowed
    mean: float  # of all: share of the bits, or change of the share of items that are right
    faults: tuple[str, ...]  # what rounding does not explain; none if the two agree

    def __str__(self) -> str:
        if self.faults:
            return f"differs: {' and '.join(self.faults)}"
        return (
            f"agrees on {self.compared} of the sample, {self.mean:+.4%} in the mean; the largest "
            f"difference is {self.worst.times:.1%} of what rounding may move"
        )


NOTHING = Difference("", 0.0, 1.0)


def compare_recheck(result: Result, recheck: Recheck) -> Outcome | None:
    """Compare a record with its re-measurement; None if that failed or has nothing to compare.

    An unknown number format has the tolerances of float32.
    """
    dtype = str(result.environment.dtype)
    tolerance = TOLERANCES.get(dtype, TOLERANCES["float32"])
    if recheck.documents:
        return _compare_documents(result, recheck, tolerance)
    if recheck.tasks:
        return _compare_tasks(result, recheck, tolerance)
    return None


def _compare_documents(result: Result, recheck: Recheck, tolerance: Tolerance) -> Outcome:
    known = {d.document: d for d in result.lossless.documents} if result.lossless else {}
    faults: list[str] = []
    differences: list[Difference] = []
    total = 0.0
    for again in recheck.documents:
        document = known.get(again.document)
        if document is None or again.bits is None or document.bytes != again.bytes:
            faults.append(f"{again.document} is another document")
            continue
        if document.lossless != again.lossless:
            faults.append(f"the tokenizer gives {again.document} back in one of the two alone")
        allowed = tolerance.root * math.sqrt(1 + again.bits) + tolerance.share * again.bits
        differences.append(Difference(again.document, document.bits - again.bits, allowed))
        total += again.bits
    mean = math.fsum(d.amount for d in differences) / total if total else 0.0
    mean_allowed = tolerance.mean_share + tolerance.root / math.sqrt(total or 1.0)
    faults += _beyond(differences, "bits", "document differs", "documents differ")
    if abs(mean) > mean_allowed:
        faults.append(f"all bits together by {mean:+.3%}, rounding moves {mean_allowed:.3%}")
    worst = max(differences, key=lambda d: d.times, default=NOTHING)
    return Outcome(len(differences), worst, mean, tuple(faults))


def _beyond(differences: Sequence[Difference], unit: str, noun: str, several: str) -> Iterator[str]:
    """Describe differences that are larger than rounding makes them, in one line."""
    beyond = [difference for difference in differences if difference.times > 1]
    if beyond:
        worst = max(beyond, key=lambda difference: difference.times)
        moved = f"{worst.amount:+.3g} {unit}, rounding moves {worst.allowed:.3g}"
        yield f"{counted(len(beyond), noun, several)}, {worst.place} by {moved}"


def _compare_tasks(result: Result, recheck: Recheck, tolerance: Tolerance) -> Outcome | None:
    leaves = {
        name: (task.task.metric, leaf.responses)
        for task in result.tasks
        for name, leaf in leaves_of(task)
    }
    faults: list[str] = []
    differences: list[Difference] = []
    changes: list[float] = []  # of what an item counts
    for task in recheck.tasks:
        metric, responses = leaves.get(task.task, ("", ()))
        if len(responses) != task.items:
            faults.append(f"{task.task} has {counted(len(responses), 'item')} of {task.items}")
            continue
        known = {response.item: response for response in responses}
        for again in task.responses:
            if not again.log_likelihoods:
                continue  # a generated answer
            place, response = f"{task.task} {again.item}", known.get(again.item)
            if response is None or not _is_same_item(response, again, metric):
                faults.append(f"{place} is another item")
                continue
            differences.append(_largest(place, response, again, tolerance))
            changes.append(response.metrics[metric] - again.metrics[metric])
    if not differences and not faults:
        return None
    n = max(1, len(changes))
    mean, moved = math.fsum(changes) / n, sum(change != 0 for change in changes)
    mean_allowed = tolerance.mean_right + 1 / n
    faults += _beyond(differences, "nats", "item differs", "items differ")
    if moved > tolerance.turned * n + 1:
        faults.append(f"{counted(moved, 'item counts', 'items count')} otherwise, of {n}")
    if abs(mean) > mean_allowed:
        faults.append(f"the score by {mean:+.3f}, rounding moves {mean_allowed:.3f}")
    worst = max(differences, key=lambda d: d.times, default=NOTHING)
    return Outcome(len(differences), worst, mean, tuple(faults))


def _is_same_item(response: Response, again: Response, metric: str) -> bool:
    return (
        response.target == again.target
        and len(response.log_likelihoods) == len(again.log_likelihoods)
        and metric in response.metrics
        and metric in again.metrics
    )


def _largest(place: str, response: Response, again: Response, tolerance: Tolerance) -> Difference:
    """Return the difference of the choice that differs most."""
    choices = zip(response.log_likelihoods, again.log_likelihoods, strict=True)
    differences = [
        Difference(place, ours - theirs, tolerance.nats * math.sqrt(1 - theirs))
        for ours, theirs in choices
    ]
    return max(differences, key=lambda difference: difference.times)


def compare_rechecks(
    stored: Iterable[StoredResult], rechecks: Sequence[StoredRecheck]
) -> dict[str, Outcome]:
    """Compare each record with its latest re-measurement that says anything; by run id."""
    results = {entry.run_id: entry.result for entry in stored} if rechecks else {}
    outcomes: dict[str, Outcome] = {}
    for entry in _in_time(rechecks):
        recheck, result = entry.recheck, results.get(entry.recheck.repeats)
        if result is None or result.key != recheck.key:
            continue
        if (outcome := compare_recheck(result, recheck)) is not None:
            outcomes[recheck.repeats] = outcome
    return outcomes


def _in_time(rechecks: Iterable[StoredRecheck]) -> list[StoredRecheck]:
    return sorted(rechecks, key=lambda entry: (entry.recheck.started, entry.file))


def mark_remeasured(
    stored: Sequence[StoredResult], rechecks: Sequence[StoredRecheck]
) -> list[StoredResult]:
    """Mark records by their latest re-measurement; those that differ from it do not count.

    The record before such a record counts again, or the board's own workflow measures the job. A
    later re-measurement that agrees makes the record count again.
    """
    outcomes = compare_rechecks(stored, rechecks)
    return [
        replace(entry, agrees=not outcome.faults, differs=" and ".join(outcome.faults) or None)
        if (outcome := outcomes.get(entry.run_id)) is not None
        else entry
        for entry in stored
    ]


def plan_rechecks(
    specs: Specs,
    stored: Sequence[StoredResult],
    rechecks: Sequence[StoredRecheck],
    additions: Mapping[str, Addition],
    machine: Machine,
) -> list[Job]:
    """List a re-measurement for each record of a contributor that counts and has none.

    One that failed is tried again when the reason allows it, after those not tried yet.
    """
    tries = {entry.recheck.repeats: entry.recheck for entry in _in_time(rechecks)}
    jobs = {job.key: job for job in plan_jobs(specs, stored, again=True, machine=machine)}
    due: list[tuple[bool, Job]] = []
    for key, entry in sorted(latest_results(stored).items()):
        addition, job, last = additions.get(entry.file), jobs.get(key), tries.get(entry.run_id)
        if addition is None or addition.provenance != "contributor":
            continue
        if job is None or job.why != "asked for" or entry.result.format != FORMAT:
            continue  # history: nothing is measured like that any more
        if last is None or _is_tried_again(last, machine):
            due.append((last is not None, recheck_job(job, entry, addition.commit)))
    return [job for _, job in sorted(due, key=lambda pair: pair[0])]


def _is_tried_again(last: Recheck, machine: Machine) -> bool:
    if last.error is None:
        return False
    if retry_of(last.error.reason) in ("now", "next_run"):
        return True
    return bool(software_changes(last.environment.packages, machine.packages))


def recheck_job(job: Job, entry: StoredResult, commit: str) -> Job:
    """Make the job that measures a sample of a record again. job: the one of the record."""
    result, blocked = entry.result, job.blocked
    if result.lossless is None and not result.tasks:
        blocked = "its figures are not by document or item, so no sample can be measured again"
    sample = draw_sample(result, commit)
    return replace(job, why="contributed", blocked=blocked, replaces=None, sample=sample)


def estimate_recheck(history: History, job: Job) -> Estimate:
    """Estimate the cost of a re-measurement. history: without the records of contributors.

    What a contributor claims about time and memory must not keep a record from being measured.
    """
    cost = history.estimate(job)
    share = job.sample.share if job.sample else 1.0
    seconds = None if cost.seconds is None else cost.seconds * share
    parameters = job.model.parameters if isinstance(job.model, Model) else 0
    memory = max(cost.memory_bytes or 0, BYTES_PER_PARAMETER * parameters)
    return replace(cost, seconds=seconds, memory_bytes=memory)


def choose_rechecks(costs: Iterable[Costed], runner: Runner) -> list[Costed]:
    """Choose the first MOST that fit a runner, and block the others with the reason."""
    chosen: list[Costed] = []
    room = MOST
    for job, cost in costs:
        blocked = job.blocked or why_too_large(job, cost, runner)
        if blocked is None and (cost.likely_seconds or 0.0) > runner.seconds:
            blocked = "waits for a larger runner: a sample takes longer than this one may"
        if blocked is None and room == 0:
            blocked = f"waits for the next run: {MOST} samples are in this one already"
        room -= blocked is None
        chosen.append((replace(job, blocked=blocked), cost))
    return chosen
