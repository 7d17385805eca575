"""results/published/<source>/source.toml: figures from the literature; and logged predictions."""

from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from compression_leaderboard.records.base import (
    LARGEST,
    CohortSlug,
    Commit,
    Positive,
    Record,
    Url,
    Words,
    check_room,
)


class CompressionColumn(Record):
    """A column of table.csv that says how well a model compresses."""

    column: Words = Field(description="its name in table.csv")
    label: Words = Field(description="the name that the board shows")
    unit: Words = Field(description="such as bits per character")
    higher_is_better: bool = Field(False, description="false for bits: fewer are better")


class ScoreColumn(Record):
    """A benchmark column of table.csv; scores are fractions."""

    column: Words = Field(description="its name in table.csv")
    label: Words = Field(description="the name that the board shows")
    chance: float = Field(ge=0, lt=1, description="score of random answers")
    ceiling: float = Field(1.0, gt=0, le=1, description="best possible score")
    metric: str = Field(description="metric and few-shot count, as the source states them")
    items: Positive | None = Field(None, description="items scored, for the error of a score")
    stderr: Words | None = Field(
        None, description="column: the source's standard error of the score, used before `items`"
    )
    negative_control: bool = Field(
        False, description="true if compression is expected to predict little"
    )

    @model_validator(mode="after")
    def _there_is_room_above_chance(self) -> Self:
        check_room(self.chance, self.ceiling)
        return self


class Citation(Record):
    """Where the figures come from."""

    text: Words = Field(description="authors, title, venue, year")
    url: Url = Field(description="address of the paper or repository")
    licence: Words = Field(description="licence of the figures' source")
    figures: str = Field(description="which figures come from it")


class PublishedSource(Record):
    """One table of published figures: its columns, units, citation and validation split."""

    format: Literal[1] = Field(description="1, the first format of this file")
    name: CohortSlug = Field(description="same as the folder's name")
    title: Words = Field(description="the name that the board shows")
    comparable_with: Words = Field(description="what these figures may be compared with")
    collected: date = Field(description="when the figures were transcribed")
    featured: bool = Field(
        False, description="true to list the table before other published ones, as on the home page"
    )
    key: str = Field(description="the column that names the model")
    group: str = Field(description="the column whose groups are left out in validation")
    split: Literal["leave-one-group-out", "small-to-large"] = Field(
        "leave-one-group-out",
        description="how a form is chosen: on groups left out, or on larger models than trained on",
    )
    train_up_to: float | None = Field(
        None,
        gt=0,
        lt=LARGEST,
        description="parameters of the largest model that predicts the larger ones",
    )
    parameters: str | None = Field(None, description="column: number of parameters")
    mixtures: tuple[str, ...] = Field(
        (),
        description="mixtures of experts, by key: their number of parameters may count only those "
        "active for a token, so no memory, time or cost follows from it",
    )
    training_tokens: str | None = Field(None, description="column: training tokens")
    training_compute: str | None = Field(None, description="column: training compute in FLOP")
    average: str | None = Field(None, description="column: the source's own compression average")
    citations: tuple[Citation, ...] = Field(min_length=1, description="sources of the figures")
    mean: tuple[str, ...] = Field(
        (), description="score columns that the mean is taken over; empty: all of them"
    )
    compression: tuple[CompressionColumn, ...] = Field(
        min_length=1, description="[[compression]] tables, one per column of bits"
    )
    scores: tuple[ScoreColumn, ...] = Field(
        min_length=1, description="[[scores]] tables, one per benchmark"
    )

    @property
    def counted(self) -> tuple[str, ...]:
        """The score columns that the mean is taken over."""
        return tuple(dict.fromkeys(self.mean)) or tuple(score.column for score in self.scores)


class LoggedPrediction(Record):
    """One line of the ledger; scores are fractions."""

    date: date
    commit: Commit = Field(description="the commit predicted from, 40 hex")
    cohort: str
    model: str
    benchmark: str
    prediction: float = Field(ge=0, le=1)
    low80: float = Field(ge=0, le=1)
    high80: float = Field(ge=0, le=1)
    low95: float = Field(ge=0, le=1)
    high95: float = Field(ge=0, le=1)
    form: str
    predictors: str

    @property
    def subject(self) -> tuple[str, str, str]:
        """What it predicts; the ledger has each only once."""
        return self.cohort, self.model, self.benchmark
