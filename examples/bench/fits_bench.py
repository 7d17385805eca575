"""Coverage of prediction intervals where the truth is known, and how the cost of fits grows.

Run: python examples/bench/fits_bench.py [runs]
Prints two tables. Goals: nominal coverage within 3 points for the line and the logistic truth;
2,000 models × 50 benchmarks in under 120 s on two cores, with a cost linear in both. Heavy tails
and a shifted family are reported: no interval can promise anything there.
"""

import sys
import time
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from compression_leaderboard.fits.study import weigh_evidence

from tests.simulated import Noise, Truth, held, simulated_cohort

RUNS = 500
KINDS: tuple[tuple[Truth, Noise], ...] = (
    ("line", "normal"),
    ("logistic", "normal"),
    ("line", "heavy"),
    ("line", "shifted"),
)
MODELS, BENCHMARKS = (500, 1000, 2000), (25, 50)


def report_coverage(runs: int) -> None:
    """Share of new models' scores inside their intervals, 30 groups with scores."""
    print(f"{runs} runs         80 %    95 %")
    for truth, noise in KINDS:
        counts = [held(*simulated_cohort(seed, truth, noise)) for seed in range(runs)]
        at80, at95, n = np.sum(counts, axis=0)
        print(f"{truth:8} {noise:8} {at80 / n:6.3f}  {at95 / n:6.3f}", flush=True)


def report_speed() -> None:
    """Seconds to fit, cross-validate and predict; per thousand models and benchmark as well."""
    print("models  benchmarks  seconds  of processor  the same per 1,000 models x benchmark")
    for models, benchmarks in product(MODELS, BENCHMARKS):
        cohort, _ = simulated_cohort(
            0, "logistic", groups=models // 4, models=4, benchmarks=benchmarks
        )
        start, worked = time.perf_counter(), time.process_time()
        weigh_evidence(cohort)
        seconds = time.perf_counter() - start
        processor = time.process_time() - worked
        each = processor / (models / 1000 * benchmarks)
        print(
            f"{models:6}  {benchmarks:10}  {seconds:7.1f}  {processor:12.1f}  {each:7.3f}",
            flush=True,
        )


if __name__ == "__main__":
    report_speed()
    report_coverage(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
