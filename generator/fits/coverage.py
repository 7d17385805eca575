"""How often an interval held the score, and how sure that is."""

from dataclasses import dataclass

from scipy import stats


@dataclass(frozen=True)
class Coverage:
    """Share of left-out scores inside their intervals, with the Clopper–Pearson 95 % interval.

    The interval takes its n as independent; models of one group are not, so the truth is less sure.
    """

    level: float
    held: float  # of n; a whole number unless several benchmarks are pooled
    n: int  # models
    kind: str  # of the intervals: "conformal" or "model-based"

    @property
    def share(self) -> float:
        return self.held / self.n

    @property
    def low(self) -> float:
        left = self.n - self.held + 1
        return float(stats.beta.ppf(0.025, self.held, left)) if self.held else 0.0

    @property
    def high(self) -> float:
        left = self.n - self.held
        return float(stats.beta.ppf(0.975, self.held + 1, left)) if left else 1.0

    @property
    def is_nominal(self) -> bool:
        """Whether the level lies inside the interval of the share."""
        return self.low <= self.level <= self.high
