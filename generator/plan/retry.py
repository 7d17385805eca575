"""Whether a job that failed is tried again: its reason's policy, and what has changed since."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from generator.records.base import Record
from generator.records.classical import Compressors
from generator.records.failures import RETRY, Reason, Retry
from generator.records.models import Model
from generator.records.results import Result


@dataclass(frozen=True)
class Machine:
    """What a run may use. None and an empty mapping: not known."""

    device: str = "cpu"
    memory_bytes: int | None = None
    packages: Mapping[str, str] = field(default_factory=dict)  # name → version, as installed


def hash_asked(model: Model | Compressors, spec: Record) -> str:
    """First 12 hex of a hash over what a job is told: the weights, and the suite or corpus."""
    weights = model.weights.model_dump(mode="json") if isinstance(model, Model) else model.revision
    content: Any = [weights, spec.model_dump(mode="json")]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def policy_of(reason: str) -> Retry:
    """When a failure is tried again; a word of an earlier version is treated like `unexpected`."""
    return RETRY.get(cast(Reason, reason), RETRY["unexpected"])


def why_wait(failed: Result, asked: str, machine: Machine, again: bool) -> str | None:
    """Why a failed job is not run now, or None when it is tried again."""
    assert failed.error is not None  # the caller has a record of a failure
    policy = policy_of(failed.error.reason)
    if policy == "never":
        return "never run again; pin another revision"
    if again or policy in ("now", "next_run") or asked != failed.asked:
        return None
    if policy == "larger_machine":
        return _why_too_small(failed.environment.memory_bytes, machine.memory_bytes)
    if software_changes(failed.environment.packages, machine.packages):
        return None
    return "nothing has changed since; repair it, or run `leaderboard measure --again`"


def _why_too_small(needed: int | None, here: int | None) -> str | None:
    if needed is None or (here is not None and here > needed):
        return None
    return f"waits for a machine with more than {needed / 1e9:.1f} GB of memory"


def software_changes(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Packages of another version now, in words. One that is not installed says nothing."""
    changed = {name: version for name, version in then.items() if now.get(name, version) != version}
    return [f"{name} {version} → {now[name]}" for name, version in sorted(changed.items())]
