"""Which records count: the latest of each job, made under today's suite or protocol."""

from collections.abc import Iterable

from compression_leaderboard.plan.jobs import latest_results, why_due
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs


def current_results(specs: Specs, stored: Iterable[StoredResult]) -> list[StoredResult]:
    """Keep the records that count, in order of file.

    Proofs give no figures of their own and are left out.
    """
    latest = [e for e in latest_results(stored).values() if e.result.kind != "proof"]
    current = [entry for entry in latest if is_current(entry.result, specs)]
    return sorted(current, key=lambda entry: entry.file)


def record_of(entry: StoredResult) -> str:
    """The record's path below records/ on the site (its own `file` would hash it once more)."""
    return entry.file.split("/", 2)[2]


def is_current(result: Result, specs: Specs) -> bool:
    """Whether the record was made under today's suite or protocol."""
    spec = specs.find(result.kind, result.name)
    return spec is not None and why_due(result, spec) is None


def is_final(result: Result, specs: Specs) -> bool:
    """Whether the record is of the final weights of a model that has a file."""
    model = specs.models.get(result.model)
    return model is not None and result.revision == model.weights.revision
