"""Rank ranges: models tie unless the paired difference on the same documents is known."""

import numpy as np
import pytest
from compression_leaderboard.board.comparisons import TextBits, rank_ranges
from compression_leaderboard.intervals import paired_difference


def text(seed: int, models: int = 12, documents: int = 30) -> TextBits:
    """Documents differ far more than models do."""
    random = np.random.default_rng(seed)
    hard = random.normal(100, 30, documents)
    better = np.sort(random.normal(0, 2, models))[:, None]
    return TextBits(
        hard + better + random.normal(0, 3, (models, documents)), np.full(documents, 100)
    )


def brute_force(one: TextBits) -> list[tuple[int, int]]:
    """Every pair by the interval of its paired difference."""
    models = range(len(one.bits))
    known = {
        (i, j): abs(difference) > reach and np.sign(difference)
        for i in models
        for j in models
        if i != j
        for difference, reach in [paired_difference(one.bits[i], one.bits[j], one.sizes)]
    }
    better = [sum(known[i, j] > 0 for j in models if j != i) for i in models]
    worse = [sum(known[i, j] < 0 for j in models if j != i) for i in models]
    return [(1 + b, len(one.bits) - w) for b, w in zip(better, worse, strict=True)]


@pytest.mark.parametrize("seed", range(3))
def test_ranges_are_those_of_all_pairs(seed):
    assert rank_ranges([text(seed)]) == brute_force(text(seed))


def test_a_model_that_is_better_on_every_document_is_ahead_of_all():
    one = text(0)
    bits = np.vstack([one.bits, one.bits.min(axis=0) - 1])
    ranges = rank_ranges([TextBits(bits, one.sizes)])
    assert ranges[-1] == (1, 1)
    assert min(low for low, _ in ranges[:-1]) == 2


def test_equal_models_tie_and_the_order_of_rows_changes_nothing():
    one = text(1)
    doubled = TextBits(np.vstack([one.bits, one.bits]), one.sizes)
    ranges = rank_ranges([doubled])
    assert ranges[:12] == ranges[12:]
    assert all(low < high for low, high in ranges)
    turned = rank_ranges([TextBits(doubled.bits[::-1], one.sizes)])
    assert turned[::-1] == ranges


def test_a_second_text_adds_evidence():
    """The mean over texts ranks; a difference that one text cannot tell two may."""
    one, two = text(2), text(3)
    widths = [high - low for low, high in rank_ranges([one])]
    both = [high - low for low, high in rank_ranges([one, two])]
    assert sum(both) < sum(widths)


def test_a_text_of_one_document_has_no_error():
    one = TextBits(np.array([[3.0], [1.0], [2.0], [2.0]]), np.array([1.0]))
    assert rank_ranges([one]) == [(4, 4), (1, 1), (2, 2), (2, 2)]
