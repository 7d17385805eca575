"""Try repositories and pull requests that Hypothesis makes up, for ten minutes: `make fuzz`.

Prints how many were tried and built, and what broke the gate or a build; then the status is 1.
The properties and what is drawn are in tests/fuzz.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from multiprocessing import Pool
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from tests.fuzz.properties import files_of, make_base, try_to_build, validate_bytes
from tests.fuzz.repositories import Repository, changed_bytes, repositories

ROUND = 30  # examples of one seed


class OutOfTime(BaseException):
    """Ends a round; no test is failed by it."""


class Fuzzer:
    """What one process has tried, and a traceback of each place where something broke."""

    def __init__(self, deadline: float):
        self.deadline = deadline
        self.counts: Counter[str] = Counter()
        self.broken: dict[str, str] = {}

    def run(self, number: int, drawn: SearchStrategy, attempt: Callable[[Any], None]) -> None:
        """One round. Nothing is made smaller: the traceback and the seed say enough."""

        @seed(number)
        @settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(drawn)
        def examine(example: object) -> None:
            if time.monotonic() > self.deadline:
                raise OutOfTime
            try:
                attempt(example)
            except Exception as error:
                *_, place = traceback.extract_tb(error.__traceback__)
                self.counts["broken"] += 1
                where = f"{type(error).__name__} at {place.filename}:{place.lineno}"
                self.broken.setdefault(where, f"seed {number}: {traceback.format_exc()}")

        examine()

    def build(self, repository: Repository) -> None:
        self.counts["repositories"] += 1
        self.counts["records"] += len(repository.records)
        outcome = try_to_build(repository)
        self.counts["accepted records"] += outcome.records
        self.counts["built"] += outcome.files > 0
        self.counts["fits"] += outcome.fits
        self.counts["pages and files"] += outcome.files


def fuzz(number: int, deadline: float) -> Fuzzer:
    """Draw repositories and pull requests in turn until the time is over."""
    fuzzer = Fuzzer(deadline)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        make_base(base)
        changes = changed_bytes(files_of(base))

        def validate(changed: dict[str, bytes | None]) -> None:
            fuzzer.counts["pull requests"] += 1
            validate_bytes(base, changed)

        try:
            for step in range(sys.maxsize):
                fuzzer.run(number + step, repositories(), fuzzer.build)
                fuzzer.run(number + step, changes, validate)
        except OutOfTime:
            return fuzzer
    return fuzzer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    deadline = time.monotonic() + 60 * options.minutes
    starts = [(options.seed + 1_000_000 * k, deadline) for k in range(options.processes)]
    with Pool(options.processes) as pool:
        fuzzers = pool.starmap(fuzz, starts)
    counts: Counter[str] = sum((fuzzer.counts for fuzzer in fuzzers), Counter())
    print(", ".join(f"{number} {name}" for name, number in counts.items()))
    broken = {where: trace for fuzzer in fuzzers for where, trace in fuzzer.broken.items()}
    for where, trace in broken.items():
        print(f"\n{where}\n{trace}")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
