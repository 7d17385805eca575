"""What is missing or stale: the jobs that follow from runs/ and the records that exist."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.records.classical import CLASSICAL, Compressors
from generator.records.corpora import Corpus, Protocol
from generator.records.models import Checkpoint, Model
from generator.records.preferences import Preference, PreferenceSet
from generator.records.results import CorpusText, Kind, Result
from generator.records.suites import Suite


@dataclass(frozen=True)
class Job:
    """One suite or corpus to measure for one revision of one model, and why.

    The classical compressors stand in a model's place: every corpus is due for them.
    """

    model: Model | Compressors
    checkpoint: Checkpoint  # of a model without checkpoints: its final weights
    kind: Kind
    name: str
    why: str  # "missing", "stale: …", "failed before: …" or "asked for"
    blocked: str | None = None  # why it cannot run; None when it can

    @property
    def key(self) -> tuple[str, str, Kind, str]:
        return (self.model.id, self.checkpoint.revision, self.kind, self.name)


def latest_results(
    stored: Iterable[StoredResult],
) -> dict[tuple[str, str, Kind, str], StoredResult]:
    """For each job the record that counts: the latest valid one; older ones are history."""
    latest: dict[tuple[str, str, Kind, str], StoredResult] = {}
    for entry in stored:
        if entry.result.counts:
            key = result_key(entry.result)
            if key not in latest or _age(entry.result) > _age(latest[key].result):
                latest[key] = entry
    return latest


def result_key(result: Result) -> tuple[str, str, Kind, str]:
    return (result.model, result.revision, result.kind, result.name)


def _age(result: Result) -> tuple[datetime, str]:
    return (result.started, result.run_id)


def plan_jobs(specs: Specs, stored: Iterable[StoredResult], again: bool = False) -> list[Job]:
    """Every job without a valid record under today's protocol (`again`: every job there is)."""
    stored = list(stored)
    latest = latest_results(stored)
    failed = {result_key(s.result): s.result.error for s in stored if s.result.error is not None}
    jobs = []
    subjects: list[Model | Compressors] = [*specs.models.values(), CLASSICAL]
    for model in subjects:
        for checkpoint in model.revisions():
            for kind, name in _wanted(model, specs):
                key = (model.id, checkpoint.revision, kind, name)
                known = latest.get(key)
                spec = _spec(specs, kind, name)
                why = why_due(known.result if known else None, spec)
                if why == "missing" and (error := failed.get(key)) is not None:
                    why = f"failed before: {error.reason}"
                if again and why is None:
                    why = "asked for"
                if why is not None:
                    jobs.append(Job(model, checkpoint, kind, name, why, _blocked(spec)))
    return jobs


def _wanted(model: Model | Compressors, specs: Specs) -> list[tuple[Kind, str]]:
    if isinstance(model, Compressors):
        return [("corpus", name) for name in specs.corpora]
    suites: list[tuple[Kind, str]] = [("suite", name) for name in model.suites]
    return suites + [("corpus", name) for name in model.corpora]


def _spec(specs: Specs, kind: Kind, name: str) -> Suite | Corpus | PreferenceSet:
    if kind == "suite":
        return specs.suites[name]
    return specs.preferences.get(name) or specs.corpora[name]


def _blocked(spec: Suite | Corpus | PreferenceSet) -> str | None:
    if not isinstance(spec, Corpus) and spec.unpinned:
        return f"unpinned datasets: {', '.join(spec.unpinned)}; run `leaderboard plan --pin`"
    return None


def why_due(known: Result | None, spec: Suite | Corpus | PreferenceSet) -> str | None:
    """Why a job is due, or None when its record is of today's suite or protocol."""
    if known is None:
        return "missing"
    if isinstance(spec, Suite):
        asked = tuple(result.task for result in known.tasks)
        return None if asked == spec.tasks else "stale: the suite's tasks changed"
    if isinstance(spec, PreferenceSet):
        return why_pairs(known.preference, spec)
    today = CorpusText.of(spec)
    if known.text is None or known.text.sha256 != today.sha256:
        return "stale: the corpus text changed"
    if known.model == CLASSICAL.id:  # compressors know documents, not windows or positions
        same = _documents(known.text.protocol) == _documents(spec.protocol)
    else:
        same = known.text == today
    return None if same else "stale: the protocol changed"


def _documents(protocol: Protocol) -> tuple[int, int]:
    return protocol.documents, protocol.document_bytes


def why_pairs(known: Preference | None, spec: PreferenceSet) -> str | None:
    """Why pairs are to be measured again; None for those of today's source and protocol.

    A dataset of the Hub without a hash is known by its commit.
    """
    if known is None or known.revision != (spec.source.revision or None):
        return "stale: the pairs changed"
    if spec.sha256 is not None and known.sha256 != spec.sha256:
        return "stale: the pairs changed"
    return None if known.protocol == spec.protocol else "stale: the protocol changed"
