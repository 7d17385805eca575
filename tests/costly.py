"""Which cases of a long table stay in the developer loop."""

from collections.abc import Iterable

import pytest


def one_in(step: int, cases: Iterable[object]) -> list[object]:
    """Every step-th case, from the first on, as it is; the others wait for `make test`."""
    return [
        case if number % step == 0 else pytest.param(case, marks=pytest.mark.costly)
        for number, case in enumerate(cases)
    ]
