"""A prediction that was written down before its benchmark was run."""

from datetime import date

from pydantic import Field

from generator.records.base import Record


class LoggedPrediction(Record):
    """One line of the ledger; scores are fractions."""

    date: date
    commit: str = Field(pattern=r"^[0-9a-f]{40}$", description="the commit predicted from, 40 hex")
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
        """What it predicts: once only."""
        return self.cohort, self.model, self.benchmark
