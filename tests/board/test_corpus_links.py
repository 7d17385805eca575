"""Two corpora are linked by the models that were measured on both."""

import numpy as np
import pytest
from compression_leaderboard.board.comparisons import link_scores

OLD = {"a": 1.0, "b": 1.2, "c": 1.5, "only-old": 9.0}
NEW = {"a": 1.1, "b": 1.4, "c": 1.8, "only-new": 0.1}


def test_a_worked_example():
    """Differences 0.1, 0.2, 0.3: mean 0.2, standard error 0.1/√3, t(2) = 4.302653."""
    link = link_scores("old", "new", "float32", OLD, NEW)
    assert link.models == ("a", "b", "c")
    assert link.difference == pytest.approx(0.2)
    half = 4.302653 * 0.1 / np.sqrt(3)
    assert link.interval == pytest.approx((0.2 - half, 0.2 + half), rel=1e-6)
    assert link.rank_correlation == pytest.approx(1.0)


def test_the_other_way_round_changes_the_sign_only():
    one, other = link_scores("o", "n", None, OLD, NEW), link_scores("n", "o", None, NEW, OLD)
    assert one.difference == pytest.approx(-other.difference)
    assert one.rank_correlation == other.rank_correlation


def test_one_model_has_no_interval_and_two_no_ranks():
    assert link_scores("o", "n", None, {"a": 1.0}, NEW).interval is None
    two = link_scores("o", "n", None, {"a": 1.0, "b": 2.0}, NEW)
    assert two.interval is not None
    assert two.rank_correlation is None


def test_nothing_in_common_is_refused():
    with pytest.raises(ValueError, match="no model in common"):
        link_scores("o", "n", None, {"x": 1.0}, NEW)


def test_the_interval_covers_the_true_shift():
    generator = np.random.default_rng(7)
    hits = 0
    for _ in range(400):
        old = {str(k): value for k, value in enumerate(generator.normal(1, 0.3, 8))}
        new = {k: value + 0.1 + generator.normal(0, 0.05) for k, value in old.items()}
        low, high = link_scores("o", "n", None, old, new).interval
        hits += low <= 0.1 <= high
    assert 0.92 <= hits / 400 <= 0.98
