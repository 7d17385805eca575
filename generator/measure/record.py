"""The record of a job and the place where it is made. Imports nothing heavy: drivers use it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from generator.plan import Job
from generator.records.results import FORMAT, Environment, Result

Report = Callable[[str, int, int], None]  # stage, done, total


@dataclass(frozen=True)
class Workplace:
    """Where weights are looked for and cached."""

    root: Path
    cache: Path


def make_record(
    job: Job, began: datetime, environment: Environment, parts: dict[str, Any]
) -> Result:
    """Identity and environment of a job, and the parts that were measured, or its error."""
    return Result(
        format=FORMAT,
        model=job.model.id,
        revision=job.checkpoint.revision,
        tokens_seen=job.checkpoint.tokens_seen or None,
        kind=job.kind,
        name=job.name,
        started=began.replace(microsecond=0),
        environment=environment,
        part=job.part,
        replaces=job.replaces,
        **parts,
    )
