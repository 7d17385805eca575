"""Find what fails quietly: workflows, changed sources, and drift of the sentinel's readings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from compression_leaderboard.board.derived import bits_interval, compare_bits
from compression_leaderboard.intervals import Interval
from compression_leaderboard.plan.jobs import newest, software_changes
from compression_leaderboard.records.base import Problem
from compression_leaderboard.records.results import CorpusText, Environment, Lossless, Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs
from compression_leaderboard.wording import as_code, counted, printable

CHANGED = {"corpus": "a text", "harness": "a task or its documents", "weights": "weights"}
WORKFLOWS = {"Evaluate": 7, "Release": 31, "Health": 1, "Corpus": 92}  # days between two runs
SLACK_DAYS = 2.0  # GitHub starts schedules late
SLEEP_DAYS = 60  # without activity GitHub stops the schedules of a repository
WARN_DAYS = 10  # before that
FAILURES = ("failure", "timed_out", "startup_failure")
LISTED = 50  # problems of files, since the text of an issue has at most 65,536 characters


@dataclass(frozen=True)
class WorkflowRun:
    """One run of a workflow, as `gh run list` prints it."""

    workflow: Annotated[str, Field(validation_alias="workflowName")]
    event: str
    conclusion: str | None  # None or empty while it runs
    created: Annotated[datetime, Field(validation_alias="createdAt")]


def find_faults(
    runs: Sequence[WorkflowRun],
    stored: Sequence[StoredResult],
    due: int,
    unread: Sequence[Problem],
    last_commit: datetime,
    today: datetime,
) -> list[str]:
    """List each fault that needs a person, one line each.

    due: jobs that could run and have no record. unread: problems of files that are left out.
    last_commit: date of main.
    """
    faults = [f"left out: {problem}" for problem in unread[:LISTED]]
    if len(unread) > LISTED:
        more = counted(len(unread) - LISTED, "more problem")
        faults.append(f"left out: {more}; run `leaderboard check` to list them")
    weeks = timedelta(days=2 * WORKFLOWS["Evaluate"])
    good = [r for r in runs if r.workflow == "Evaluate" and r.conclusion == "success"]
    if due and not any(today - run.created <= weeks for run in good):
        late = f"no Evaluate succeeded for {weeks.days} days"
        faults.append(f"stale data: {counted(due, 'job is', 'jobs are')} due, and {late}")
    for workflow, days in WORKFLOWS.items():
        dates = [r.created for r in runs if r.workflow == workflow and r.event == "schedule"]
        if dates and today - max(dates) > timedelta(days=days + SLACK_DAYS):
            age = counted((today - max(dates)).days, "day")
            due_every = counted(days, "day")
            faults.append(f"dropped schedule: {workflow} is due every {due_every}, last {age} ago")
    faults += [*_failing(runs), *_changed(entry.result for entry in stored)]
    faults += [
        f"differs from its re-measurement: {entry.file}: {printable(entry.differs)}"
        for entry in stored
        if entry.differs is not None
    ]
    idle = (today - last_commit).days
    if idle >= SLEEP_DAYS - WARN_DAYS:
        left = counted(max(0, SLEEP_DAYS - idle), "day")
        faults.append(
            f"no activity for {idle} days: GitHub stops scheduled workflows after {SLEEP_DAYS}, "
            f"in {left}; push any commit to main to keep them"
        )
    return faults


def faults_text(faults: Sequence[str]) -> str:
    """Write one line per fault, for a terminal."""
    return "".join(f"{printable(fault, ' ')}\n" for fault in faults)


def faults_markdown(faults: Sequence[str]) -> str:
    """Write one point per fault, for an issue."""
    return "".join(f"- {as_code(fault)}\n" for fault in faults)


def _failing(runs: Sequence[WorkflowRun]) -> list[str]:
    """List workflows whose last two runs failed; those of pull requests may."""
    lines = []
    done = [run for run in runs if run.conclusion and run.event != "pull_request"]
    for workflow in sorted({run.workflow for run in done}):
        ordered = sorted((r for r in done if r.workflow == workflow), key=lambda r: r.created)
        last = ordered[-2:]
        if len(last) == 2 and all(run.conclusion in FAILURES for run in last):
            lines.append(f"failed twice: {workflow}, last on {last[-1].created:%Y-%m-%d}")
    return lines


def _changed(results: Iterable[Result]) -> list[str]:
    """List jobs whose latest try failed because what a spec pins has changed or is missing."""
    return [
        f"changed or unreadable: {CHANGED[r.error.reason]}: {r.model} {r.kind} {r.name}: "
        f"{r.error.message}"
        for _, r in sorted(newest(results).items())
        if r.error is not None and r.error.reason in CHANGED
    ]


ROUNDING_BITS = 1e-4  # per token: what batching, padding and the order of sums may move

Verdict = Literal["first", "equal", "rounding", "moved", "moved beyond noise"]
VERDICTS: dict[Verdict, str] = {
    "first": "the first",
    "equal": "equal to the last bit",
    "rounding": "within rounding",
    "moved": "moved, within the noise of the text",
    "moved beyond noise": "moved beyond the noise of the text",
}


@dataclass(frozen=True)
class Reading:
    """A record of the sentinel, compared with the first in the same number format."""

    entry: StoredResult
    bits_per_byte: float
    difference: float | None  # bits per byte less those of the first; None: it is the first
    interval: Interval | None  # of the difference, documents in pairs
    verdict: Verdict
    changed: tuple[str, ...]  # of software and machine, since the first


def list_readings(specs: Specs, stored: Iterable[StoredResult]) -> list[Reading]:
    """List the sentinel's readings, in order of number format and time.

    Only valid records of the final weights on today's text under today's protocol are readings:
    others differ for a known reason.
    """
    if (sentinel := specs.sentinel) is None:
        return []
    model, text = specs.models[sentinel.model], CorpusText.of(specs.corpora[sentinel.corpus])
    firsts: dict[tuple[str, int], tuple[Environment, Lossless]] = {}  # by dtype and format
    readings: list[tuple[str, Reading]] = []
    for entry in sorted(stored, key=lambda e: (e.result.started, e.file)):
        result, lossless = entry.result, entry.result.lossless
        is_sentinel = (result.model, result.revision) == (model.id, model.weights.revision)
        if not is_sentinel or not entry.counts or lossless is None or result.text != text:
            continue
        dtype = str(result.environment.dtype)
        rules = (dtype, result.format)
        if (first := firsts.get(rules)) is None:
            firsts[rules] = (result.environment, lossless)
            reading = Reading(entry, lossless.bits_per_byte, None, None, "first", ())
        else:
            reading = _compare(entry, lossless, *first)
        readings.append((dtype, reading))
    return [reading for _, reading in sorted(readings, key=lambda pair: pair[0])]


def _compare(
    entry: StoredResult, lossless: Lossless, environment: Environment, first: Lossless
) -> Reading:
    """Compare a record with the first. environment, first: of the first record."""
    rate = lossless.bits_per_byte
    difference = rate - first.bits_per_byte
    compared = compare_bits(lossless, first)
    interval = compared[1] if compared else None
    now = entry.result.environment
    changed = software_changes(environment.packages, now.packages)
    for name in ("python", "machine", "processor", "device", "threads"):
        before, after = getattr(environment, name), getattr(now, name)
        if before != after:
            changed.append(f"{name} {before} → {after}")
    verdict = _classify(difference, lossless, first)
    return Reading(entry, rate, difference, interval, verdict, tuple(changed))


def _classify(difference: float, lossless: Lossless, reference: Lossless) -> Verdict:
    """Classify the size of a difference. Rounding is at most ROUNDING_BITS per token. Noise is half
    the width of the score's 95 % interval: how far other documents of the kind would move it."""
    if lossless.documents == reference.documents:
        return "equal"
    tokens = sum(document.tokens for document in reference.documents)
    if abs(difference) <= ROUNDING_BITS * tokens / reference.bytes:
        return "rounding"
    interval = bits_interval(reference)
    if interval is None or abs(difference) <= (interval.high - interval.low) / 2:
        return "moved"
    return "moved beyond noise"


def sentinel_title(specs: Specs) -> str:
    """Name the model and the text of the sentinel. specs: with a sentinel."""
    assert specs.sentinel is not None
    model, corpus = specs.models[specs.sentinel.model], specs.corpora[specs.sentinel.corpus]
    return f"{model.title} on {corpus.title}"


def drift_text(specs: Specs, readings: Sequence[Reading]) -> str:
    """List one line per reading below a line that names the sentinel."""
    if specs.sentinel is None:
        return "no sentinel is named; write runs/sentinel.toml\n"
    lines = [f"sentinel: {sentinel_title(specs)}", *map(_line, readings)]
    if not readings:
        lines.append("not measured yet")
    return "".join(f"{printable(line, ' ')}\n" for line in lines)


def _line(reading: Reading) -> str:
    result = reading.entry.result
    parts = [f"{result.started:%Y-%m-%d} {result.run_id} {result.environment.dtype}"]
    parts.append(f"{reading.bits_per_byte:.6f} bits/byte")
    if reading.difference is not None:
        parts.append(f"{reading.difference:+.3g}")
    return "  ".join([*parts, VERDICTS[reading.verdict], *reading.changed])


def drift_markdown(specs: Specs, readings: Sequence[Reading]) -> str:
    lines = drift_text(specs, readings).splitlines()
    return "### Sentinel\n\n" + "".join(f"- {as_code(line)}\n" for line in lines)


def drift_json(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """Make one object per reading; an unknown value is null."""
    return [
        {
            "record": reading.entry.file,
            "started": reading.entry.result.started.isoformat(),
            "dtype": reading.entry.result.environment.dtype,
            "bits_per_byte": reading.bits_per_byte,
            "difference": reading.difference,
            "low95": reading.interval.low if reading.interval else None,
            "high95": reading.interval.high if reading.interval else None,
            "verdict": reading.verdict,
            "changed": list(reading.changed),
        }
        for reading in readings
    ]
