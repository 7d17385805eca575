"""runs/assumptions.toml: what the page Choose takes for granted; all can be edited there."""

from pydantic import Field

from generator.records.base import Record


class Assumptions(Record):
    """What memory, time and money are reckoned from; the file holds what differs from these."""

    tokens_per_month: float = Field(
        default=1e9, gt=0, description="tokens that are read in a month"
    )
    hour_price: float = Field(default=1.0, ge=0, description="price of an hour of the machine")
    hours_per_month: float = Field(default=730, gt=0, description="hours a month that are paid for")
    utilisation: float = Field(
        default=0.5, gt=0, le=1, description="share of them in which it computes"
    )
    speedup: float = Field(
        default=1.0, gt=0, description="times as fast as the machine that measured the board"
    )
    token_price: float = Field(
        default=0.02,
        ge=0,
        description="price of a million tokens elsewhere, for each billion parameters",
    )
    context_tokens: float = Field(
        default=2048, ge=0, description="tokens that stand in the cache at once"
    )
    cache_bytes: float = Field(default=2.0, gt=0, description="bytes of a number in the cache")
    layer_width: float = Field(
        default=100.0, gt=0, description="width per layer, where a model's shape is not known"
    )
    runtime_bytes: float = Field(
        default=5e8, ge=0, description="memory of the program without a model, measured on a CPU"
    )
    currency: str = Field(default="$", min_length=1, description="of the prices")
