"""The cases of tests/vectors/paired_difference.json, which Python and differences.js compute alike.

`python -m tests.paired_difference_vectors` writes the file anew; review its diff.
"""

from typing import Any

import numpy as np
from compression_leaderboard.intervals import paired_difference, student_quantile

from tests.vector_files import write_vectors

NAME = "paired_difference.json"
ABOUT = "Differences of models; written by `python -m tests.paired_difference_vectors`."


def _documents() -> list[tuple[list[float], list[float], list[int]]]:
    """Bits of two models and bytes: two documents, equal ones, equal models, and random ones."""
    random = np.random.default_rng(0)
    cases = [
        ([100.0, 120.0], [90.0, 130.0], [100, 100]),
        ([100.0, 120.0, 140.0], [72.0, 94.0, 114.0], [100, 100, 100]),
        ([100.0, 120.0, 140.0], [100.0, 120.0, 140.0], [100, 50, 200]),
        ([0.0, 3.5, 8000.25], [1.5, 3.5, 7800.0], [1, 7, 9000]),
    ]
    for n in (5, 40):
        sizes = random.integers(50, 5000, n)
        bits = sizes * random.uniform(0.6, 1.2, n)
        others = bits + sizes * random.normal(0.02, 0.05, n)
        cases.append((bits.round(4).tolist(), others.round(4).tolist(), sizes.tolist()))
    return cases


def make_vectors() -> dict[str, Any]:
    """The contents of the file, as plain values."""
    cases = []
    for bits, others, sizes in _documents():
        value, half = paired_difference(bits, others, sizes)
        cases.append(
            {
                "bits": bits,
                "others": others,
                "sizes": sizes,
                "reach": student_quantile(len(sizes) - 1),
                "answer": {"value": value, "low": value - half, "high": value + half},
            }
        )
    return {"about": ABOUT, "cases": cases}


if __name__ == "__main__":
    write_vectors(NAME, make_vectors())
