"""Soft entropy and information: conformance vectors, bias and invariances."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.measure.information import (
    entropy_of_mean,
    expected_null,
    plug_in,
    simulate_null,
)
from generator.measure.labels import nest_labels
from generator.measure.soft_entropy import assign, draw_anchors, normalise, solve_scale

BINS = 100


def conformance_1():
    r = np.random.default_rng(1001)
    mu = r.standard_normal((10, 64))
    y = r.integers(0, 10, 20000)
    return mu[y] + 0.5 * r.standard_normal((20000, 64)), y


def conformance_2():
    r = np.random.default_rng(1002)
    z = r.standard_normal((5000, 128))
    return z, r.integers(0, 500, 5000)


def assignments_of(vectors, seeds=(0,)):
    width = vectors.shape[1]
    anchors = draw_anchors(seeds, BINS, width)
    return assign(normalise(torch.from_numpy(vectors)), anchors, solve_scale(width, BINS), BINS)


def information(assignments, labels) -> float:
    return float(plug_in(assignments, nest_labels(np.asarray(labels)[:, None]))[0, 0])


@pytest.mark.parametrize(
    ("width", "scale"),
    [
        (64, 0.0362298791),
        (256, 0.0199619368),
        (768, 0.0117678219),
        (2048, 0.00725301133),
        (4096, 0.00513858156),
    ],
)
def test_the_scale_solves_its_equation(width, scale):
    assert solve_scale(width, BINS) == pytest.approx(scale, rel=1e-8)


def test_a_width_below_eight_is_refused():
    with pytest.raises(ValueError, match="at least 8 dimensions, found 7"):
        solve_scale(7, BINS)


def test_conformance_vector_1():
    z, y = conformance_1()
    assignments = assignments_of(z)
    assert float(entropy_of_mean(assignments)[0]) == pytest.approx(0.870644, abs=5e-7)
    assert information(assignments, y) == pytest.approx(0.361116, abs=5e-7)


def test_conformance_vector_2():
    z, y = conformance_2()
    assignments = assignments_of(z)
    assert float(entropy_of_mean(assignments)[0]) == pytest.approx(0.999099, abs=5e-7)
    assert information(assignments, y) == pytest.approx(0.191712, abs=5e-7)
    assert information(assignments, np.arange(5000)) == pytest.approx(0.581213, abs=5e-7)


@pytest.mark.parametrize("size", [1, 2, 5, 9, 20, 50, 80, 200, 2500])
def test_the_null_is_that_of_real_shuffles(size):
    """Labels of equal counts: mean within the spread of the shuffles."""
    z, _ = conformance_2()
    assignments = assignments_of(z)
    labels = np.arange(5000) // size
    generator = np.random.default_rng(7)
    shuffled = [information(assignments, generator.permutation(labels)) for _ in range(16)]
    mean, deviation = expected_null(
        simulate_null(assignments), nest_labels(labels[:, None]).counts[0]
    )
    tolerance = max(np.std(shuffled), 1e-9) + np.std(shuffled) / 4  # and the error of their mean
    assert abs(float(mean[0]) - np.mean(shuffled)) <= tolerance
    assert float(deviation[0]) == pytest.approx(np.std(shuffled), rel=0.6, abs=1e-9)


def test_the_spread_is_that_of_real_shuffles_for_labels_of_unequal_counts():
    z, _ = conformance_2()
    labels = np.minimum(np.random.default_rng(2).geometric(0.004, 5000) ** 2, 90_000)
    assignments = assignments_of(z)
    nested = nest_labels(labels[:, None])
    _, deviation = expected_null(simulate_null(assignments), nested.counts[0])
    generator = np.random.default_rng(9)
    shuffled = [information(assignments, generator.permutation(labels)) for _ in range(30)]
    assert float(deviation[0]) == pytest.approx(np.std(shuffled), rel=0.5)


@pytest.mark.parametrize("possible", [10, 500, 5000])
def test_independent_labels_carry_no_information(possible):
    z, _ = conformance_2()
    labels = np.random.default_rng(3).integers(0, possible, 5000)
    assignments = assignments_of(z)
    nested = nest_labels(labels[:, None])
    mean, _ = expected_null(simulate_null(assignments), nested.counts[0])
    generator = np.random.default_rng(8)
    spread = np.std([information(assignments, generator.permutation(labels)) for _ in range(12)])
    corrected = information(assignments, labels) - float(mean[0])
    assert abs(corrected) <= 3 * spread


def test_labels_that_are_the_vectors_reach_their_ceiling():
    """Singleton mass 1: information is H(Z) − mean H(A), and the corrected value is 0."""
    z, _ = conformance_2()
    assignments = assignments_of(z[:500])
    nested = nest_labels(np.arange(500)[:, None])
    assert nested.singleton_mass(1) == 1.0
    mean, _ = expected_null(simulate_null(assignments), nested.counts[0])
    assert float(plug_in(assignments, nested)[0, 0] - mean[0]) == pytest.approx(0, abs=1e-9)


def test_nested_orders_equal_orders_alone():
    z, _ = conformance_2()
    grams = np.random.default_rng(5).integers(0, 6, (5000, 3))
    assignments = assignments_of(z, seeds=(0, 1))
    nested = plug_in(assignments, nest_labels(grams))
    for order in (1, 2, 3):
        code = np.unique(grams[:, :order], axis=0, return_inverse=True)[1].ravel()
        alone = plug_in(assignments, nest_labels(code[:, None]))[0]
        assert torch.allclose(nested[order - 1], alone, atol=1e-9)


def test_zero_vectors_are_assigned_evenly():
    assignments = assignments_of(np.zeros((3, 64)))
    assert torch.allclose(assignments, torch.full_like(assignments, 1 / BINS))


def test_seeds_at_once_equal_seeds_alone():
    z, _ = conformance_2()
    both = assignments_of(z[:50], seeds=(3, 4))
    assert torch.allclose(both[:, 1], assignments_of(z[:50], seeds=(4,))[:, 0])


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 1000))
def test_order_scale_and_duplication_leave_the_plug_in_alone(scale, seed):
    generator = np.random.default_rng(seed)
    z = generator.standard_normal((60, 16))
    labels = generator.integers(0, 5, 60)
    plain = information(assignments_of(z), labels)
    order = generator.permutation(60)
    assert information(assignments_of(z[order]), labels[order]) == pytest.approx(plain, abs=1e-9)
    assert information(assignments_of(z * scale), labels) == pytest.approx(plain, abs=1e-9)
    twice = information(assignments_of(np.tile(z, (2, 1))), np.tile(labels, 2))
    assert twice == pytest.approx(plain, abs=1e-9)
