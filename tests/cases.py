"""Choose the cases of a long table that the fast tests run."""

from collections.abc import Iterable

import pytest


def one_in(step: int, cases: Iterable[object]) -> list[object]:
    """Return every step-th case as it is, and mark the others as slow."""
    return [
        case if number % step == 0 else pytest.param(case, marks=pytest.mark.slow)
        for number, case in enumerate(cases)
    ]
