"""runs/workers/<worker>.toml: a trusted worker, whose signed bundles of records are taken."""

from typing import Annotated

from pydantic import AfterValidator, Field

from generator.records import names
from generator.records.base import Record
from generator.records.models import LONGEST_NOTE, Slug


class Worker(Record):
    """A machine whose signed bundles of records are taken."""

    name: Slug = Field(description="same as the file's name")
    public_key: Annotated[str, AfterValidator(names.check_public_key)] = Field(
        description="Ed25519, 64 hex digits, as `leaderboard worker-key` writes it"
    )
    note: str | None = Field(
        None, max_length=LONGEST_NOTE, description="whose machine it is, and what for"
    )
