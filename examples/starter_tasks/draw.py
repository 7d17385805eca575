"""Seeded draws in which every entry is used equally often."""

import random
from collections.abc import Sequence
from itertools import chain
from typing import Any, TypeVar

T = TypeVar("T")


def balanced(rng: random.Random, entries: Sequence[T], n: int) -> list[T]:
    """n entries in random order, each used equally often, give or take one."""
    passes = -(-n // len(entries))
    drawn = list(chain.from_iterable(rng.sample(entries, len(entries)) for _ in range(passes)))
    return rng.sample(drawn[:n], n)


def rows(rng: random.Random, n: int, *columns: Sequence[Any]) -> list[tuple[Any, ...]]:
    """n distinct rows, every column balanced."""
    while True:
        drawn = list(zip(*(balanced(rng, column, n) for column in columns), strict=True))
        if len(set(drawn)) == n:
            return drawn


def shuffled(rng: random.Random, entries: Sequence[T]) -> list[T]:
    return rng.sample(entries, len(entries))


def interleave(groups: Sequence[Sequence[T]]) -> list[T]:
    """The first of every group, then the second of every group, and so on; equal sizes."""
    return list(chain.from_iterable(zip(*groups, strict=True)))
