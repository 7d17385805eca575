"""Soft entropy and information: conformance vectors, bias, intervals, invariances."""

from dataclasses import replace
from functools import cached_property

import numpy as np
import pytest
import torch
from compression_leaderboard.intervals import jackknife_error, jackknife_interval
from compression_leaderboard.measure.information import (
    Parts,
    assign,
    draw_anchors,
    expected_information,
    measure_moments,
    null_error,
    number_labels,
    plug_in,
    shuffle_deviation,
    simulate_null,
    simulated_counts,
    solve_scale,
    sort_labels,
)
from compression_leaderboard.measure.plane import effective_rank
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import entr
from scipy.stats import hypergeom

from tests.cases import one_in

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


def assignments_of(vectors, seed=0, bins=BINS):
    """(N, B), float64."""
    width = vectors.shape[1]
    states = torch.from_numpy(np.asarray(vectors))
    return next(assign(states, draw_anchors((seed,), bins, width), solve_scale(width, bins)))


class Estimate:
    """All that is known of one label set under one anchor seed."""

    def __init__(self, assignments, labels, groups=None):
        numbers = np.unique(labels, return_inverse=True)[1]
        group = np.zeros(len(numbers), dtype=np.int64) if groups is None else groups
        parts = Parts(group, np.zeros_like(group))
        self.moments = measure_moments(assignments, parts)
        self.labels = sort_labels(numbers, parts)
        self.plug_in = plug_in(self.moments, self.labels)

    @cached_property
    def simulated(self):
        """Drawn when it is asked for: the plug-in of many shuffles does without."""
        return simulate_null(self.moments)

    @property
    def null(self):
        return expected_information(self.simulated, self.moments, self.labels)

    @property
    def deviation(self):
        return shuffle_deviation(self.simulated, self.labels)

    @property
    def error(self):
        return null_error(self.simulated, self.labels)

    @property
    def corrected(self):
        return self.plug_in - self.null


def information(assignments, labels) -> float:
    return float(Estimate(assignments, labels).plug_in[0])


def shuffled(assignments, labels, times, seed) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.array([information(assignments, generator.permutation(labels)) for _ in range(times)])


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


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_conformance_vector_1(dtype):
    z, y = conformance_1()
    found = Estimate(assignments_of(z).to(dtype), y)
    assert found.moments.entropy[0] == pytest.approx(0.870644, abs=1e-6)
    assert found.plug_in[0] == pytest.approx(0.361116, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_conformance_vector_2(dtype):
    z, y = conformance_2()
    assignments = assignments_of(z).to(dtype)
    found = Estimate(assignments, y)
    assert found.moments.entropy[0] == pytest.approx(0.999099, abs=1e-6)
    assert found.plug_in[0] == pytest.approx(0.191712, abs=1e-6)
    assert information(assignments, np.arange(5000)) == pytest.approx(0.581213, abs=1e-6)


@pytest.mark.parametrize("size", one_in(4, [1, 2, 5, 9, 20, 50, 80, 200, 2500]))
def test_the_null_is_that_of_real_shuffles(size):
    """Labels of equal counts: mean within the spread of the shuffles, over eight simulations."""
    assignments = assignments_of(conformance_2()[0])
    labels = np.arange(5000) // size
    seen = shuffled(assignments, labels, 16, 7)
    found = Estimate(assignments, labels)
    simulated = [simulate_null(found.moments, seed) for seed in range(8)]
    nulls = [expected_information(null, found.moments, found.labels)[0] for null in simulated]
    tolerance = max(seen.std(), 1e-9) + seen.std() / 4  # and the error of their mean
    assert abs(np.mean(nulls) - seen.mean()) <= tolerance
    assert found.deviation == pytest.approx(seen.std(), rel=0.6, abs=1e-9)


def loss_of_two_kinds(rows, size) -> float:
    """Loss of `size` rows drawn of 4,800, of which 240 equal the first of `rows`: exact."""
    drawn = np.arange(size + 1)
    means = (drawn[:, None] * rows[0] + (size - drawn)[:, None] * rows[1]) / size
    whole = 0.05 * rows[0] + 0.95 * rows[1]
    entropy, of_means = (entr(p).sum(axis=-1) / np.log(2) for p in (whole, means))
    return float(entropy - hypergeom(4800, 240, size).pmf(drawn) @ of_means)


@pytest.mark.parametrize("size", [2, 3, 5, 6, 12, 24, 48])
def test_the_null_is_exact_for_rows_of_two_kinds(size):
    """The simulated counts within their error, and those between them if these were exact."""
    rows = np.array([[0.99, 0.01], [0.002, 0.998]])
    kinds = torch.from_numpy(np.repeat(rows, [240, 4560], axis=0))
    found = Estimate(kinds, np.arange(4800) // size)
    expected = loss_of_two_kinds(rows, size)
    assert found.null[0] == pytest.approx(expected, abs=4 * found.error)
    counts = simulated_counts(4800)
    losses = np.array([loss_of_two_kinds(rows, count) for count in counts])
    second = found.moments.quadratic[0] * (4800 - counts) / 4799 / counts
    exact = replace(found.simulated, beyond=counts**2 * (losses - second))
    null = expected_information(exact, found.moments, found.labels)[0]
    assert null == pytest.approx(expected, rel=2e-3)


@pytest.mark.slow
def test_the_spread_is_that_of_real_shuffles_for_labels_of_unequal_counts():
    assignments = assignments_of(conformance_2()[0])
    labels = np.minimum(np.random.default_rng(2).geometric(0.004, 5000) ** 2, 90_000)
    found = Estimate(assignments, labels)
    assert found.deviation == pytest.approx(shuffled(assignments, labels, 30, 9).std(), rel=0.5)


@pytest.mark.slow
def test_the_error_of_the_null_is_that_of_simulating_again():
    """Nulls from other draws spread as much as the stated Monte Carlo error."""
    assignments = assignments_of(conformance_2()[0])
    labels = np.arange(5000) // 4
    found = Estimate(assignments, labels)
    again = [
        expected_information(simulate_null(found.moments, seed), found.moments, found.labels)[0]
        for seed in range(12)
    ]
    assert np.std(again) == pytest.approx(found.error, rel=0.6)


@pytest.mark.parametrize("possible", one_in(3, [500, 10, 5000]))
def test_independent_labels_carry_no_information(possible):
    assignments = assignments_of(conformance_2()[0])
    labels = np.random.default_rng(3).integers(0, possible, 5000)
    spread = shuffled(assignments, labels, 12, 8).std()
    assert abs(Estimate(assignments, labels).corrected[0]) <= 3 * spread


def test_labels_that_are_all_unique_reach_their_ceiling():
    """Singleton mass 1: information is H(Z) − mean H(A), and the corrected value is 0."""
    found = Estimate(assignments_of(conformance_2()[0][:500]), np.arange(500))
    assert found.labels.singleton_mass == 1.0
    assert found.plug_in[0] == pytest.approx(found.moments.ceiling[0], abs=1e-9)
    assert found.corrected[0] == pytest.approx(0, abs=1e-9)


def test_each_leave_out_equals_an_estimate_without_the_group():
    """The plug-in exactly; the null but for the draws that simulate it."""
    assignments = assignments_of(conformance_2()[0])
    generator = np.random.default_rng(4)
    labels, groups = generator.integers(0, 300, 5000), generator.integers(0, 20, 5000)
    found = Estimate(assignments, labels, groups)
    for group in (0, 7, 19):
        kept = groups != group
        alone = Estimate(assignments[torch.from_numpy(kept)], labels[kept])
        assert found.plug_in[1 + group] == pytest.approx(alone.plug_in[0], abs=1e-9)
        assert found.null[1 + group] == pytest.approx(alone.null[0], abs=5 * alone.error)
        assert found.null[1 + group] - found.null[0] > 20 * alone.error  # it is not the whole's


def test_numbers_of_longer_labels_refine_those_of_shorter_ones():
    grams = np.random.default_rng(5).integers(0, 6, (5000, 3))
    numbers = number_labels(grams)
    for order in (1, 2, 3):
        codes = np.unique(grams[:, :order], axis=0, return_inverse=True)[1].ravel()
        assert len(set(zip(numbers[order - 1], codes, strict=True))) == len(set(codes))
        assert sorted(set(numbers[order - 1])) == list(range(len(set(codes))))


def test_zero_vectors_are_assigned_evenly():
    assignments = assignments_of(np.zeros((3, 64)))
    assert torch.allclose(assignments, torch.full_like(assignments, 1 / BINS))


def test_seeds_at_once_equal_seeds_alone():
    z = torch.from_numpy(conformance_2()[0][:50])
    _, second = assign(z, draw_anchors((3, 4), BINS, 128), solve_scale(128, BINS))
    assert torch.allclose(second, assignments_of(z.numpy(), seed=4))


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


def test_the_jackknife_of_a_mean_is_its_standard_error():
    """Equal groups: the error of the mean of group means. Unequal ones: that of the pooled mean."""
    generator = np.random.default_rng(6)
    values = generator.standard_normal(20)
    without = [(values.sum() - value) / 19 for value in values]
    expected = values.std(ddof=1) / 20**0.5
    assert jackknife_error(values.mean(), without, [1] * 20) == pytest.approx(expected)
    with pytest.raises(ValueError, match="1 leave-outs of 1 groups"):
        jackknife_error(0.0, [0.0], [5])


def test_groups_of_unequal_size_keep_the_jackknife_right():
    """Errors of a pooled mean over groups of 1 to 40 units: stated and real ones agree."""
    generator = np.random.default_rng(7)
    sizes = np.array([1, 2, 3, 5, 8, 10, 12, 20, 30, 40] * 2)
    means, errors = [], []
    for _ in range(400):
        sums = generator.standard_normal(20) * np.sqrt(sizes)
        mean = sums.sum() / sizes.sum()
        without = (sums.sum() - sums) / (sizes.sum() - sizes)
        means.append(mean)
        errors.append(jackknife_error(mean, without, sizes) ** 2)
    assert np.mean(errors) ** 0.5 == pytest.approx(np.std(means), rel=0.1)


def documents_of_states(generator, documents=40, length=60, width=16):
    """States around the vector of their label, and a shift that a document shares."""
    labels = generator.integers(0, 12, (documents, length))
    means = np.random.default_rng(0).standard_normal((12, width))
    shift = 0.3 * generator.standard_normal((documents, 1, width))
    z = means[labels] + shift + generator.standard_normal((documents, length, width))
    return z.reshape(-1, width), labels.ravel()


def test_products_in_bfloat16_move_information_by_less_than_its_error():
    """By a twentieth of the standard error over documents at most."""
    generator, groups = np.random.default_rng(14), np.repeat(np.arange(40) % 20, 60)
    z, labels = documents_of_states(generator, width=64)
    states, anchors = torch.from_numpy(z).bfloat16(), draw_anchors((0,), BINS, 64)
    half, full = (
        Estimate(next(assign(s, anchors, solve_scale(64, BINS))), labels, groups).corrected
        for s in (states, states.float())
    )
    error = jackknife_error(full[0], full[1:], np.bincount(groups))
    assert 0 < abs(half[0] - full[0]) < error / 20


@pytest.mark.slow
def test_jackknife_intervals_hold_the_truth():
    """95 % intervals over documents hold the figure of that many positions in 93–97 %.

    The truth is the mean over all simulated texts, whose error is a twentieth of one text's.
    """
    groups = np.repeat(np.arange(40) % 20, 60)
    found = []
    for run in range(400):
        z, labels = documents_of_states(np.random.default_rng([12, run]))
        found.append(Estimate(assignments_of(z, bins=20), labels, groups).corrected)
    truth = np.mean([corrected[0] for corrected in found])
    sizes = np.bincount(groups)
    intervals = [jackknife_interval(one[0], one[1:], sizes) for one in found]
    held = np.mean([interval.low <= truth <= interval.high for interval in intervals])
    assert 0.93 <= held <= 0.97


def documents_of_a_chain(generator, documents=40, length=60, width=16):
    """States around the vectors of a symbol and of the next one, and a shift by document."""
    fixed = np.random.default_rng(1)
    vectors = fixed.standard_normal((12, width))
    table = fixed.dirichlet(np.full(12, 0.3), 12).cumsum(axis=1)
    draws = generator.random((length + 1, documents))
    chain = [generator.integers(0, 12, documents)]
    for row in draws:
        chain.append(np.minimum((table[chain[-1]] < row[:, None]).sum(axis=1), 11))
    now, then = (np.array(chain[k : k + length]).T for k in (0, 1))
    shift = 0.3 * generator.standard_normal((documents, 1, width))
    noise = generator.standard_normal((documents, length, width))
    z = vectors[now] + 0.5 * vectors[then] + shift + noise
    return z.reshape(-1, width), now.ravel(), then.ravel()


@pytest.mark.slow
def test_jackknife_intervals_of_optimality_hold_the_truth():
    """The ratio as well: 93–97 % of the intervals hold the mean over all simulated texts."""
    groups = np.repeat(np.arange(40) % 20, 60)
    ratios = []
    for run in range(600):
        z, now, then = documents_of_a_chain(np.random.default_rng([13, run]))
        assignments = assignments_of(z, bins=20)
        read, follows = (Estimate(assignments, labels, groups) for labels in (now, then))
        ratios.append(follows.corrected / read.corrected)
    truth = np.mean([ratio[0] for ratio in ratios])
    intervals = [jackknife_interval(r[0], r[1:], np.bincount(groups)) for r in ratios]
    held = np.mean([interval.low <= truth <= interval.high for interval in intervals])
    assert 0.93 <= held <= 0.97


def markov_states(positions: int):
    """A chain of 200 symbols; a state is the symbol's vector, a hint of the next, and noise."""
    generator = np.random.default_rng(21)
    vectors = generator.standard_normal((200, 32))
    table = generator.dirichlet(np.full(200, 0.05), 200).cumsum(axis=1)
    draws = generator.random(positions + 1)
    chain = np.empty(positions + 1, dtype=np.int64)
    chain[0] = 0
    for i in range(1, positions + 1):
        chain[i] = min(np.searchsorted(table[chain[i - 1]], draws[i]), 199)
    now, then = chain[:-1], chain[1:]
    z = vectors[now] + 0.7 * vectors[then] + 1.5 * generator.standard_normal((positions, 32))
    return z, now, then


@pytest.mark.slow
def test_corrected_optimality_is_stable_where_the_plug_in_moves():
    """From 4k to 64k positions with bigrams as labels: within 5 %, the plug-in moves over 10 %."""
    z, now, then = markov_states(64_000 + 2)
    before = now[1:-1] * 200 + now[:-2]  # bigrams that end at, and that follow
    after = then[1:-1] * 200 + then[2:]
    corrected, biased = [], []
    for positions in (4000, 64_000):
        part = slice(1, positions + 1)
        assignments = assignments_of(z[part]).float()
        read, follows = (Estimate(assignments, g[:positions]) for g in (before, after))
        corrected.append(follows.corrected[0] / read.corrected[0])
        biased.append(follows.plug_in[0] / read.plug_in[0])
    assert corrected[1] == pytest.approx(corrected[0], rel=0.05)
    assert abs(biased[1] / biased[0] - 1) > 0.10


def test_the_effective_rank_counts_dimensions():
    generator = np.random.default_rng(31)
    flat = np.zeros((4000, 24))
    flat[:, :6] = generator.standard_normal((4000, 6))
    assert effective_rank(torch.from_numpy(flat).float()) == pytest.approx(6, abs=0.05)
    wide = torch.from_numpy(flat).float()[:12]  # fewer directions than dimensions
    assert effective_rank(wide) == pytest.approx(effective_rank(wide[:, :6]), rel=1e-5)
    assert effective_rank(torch.ones(5, 8)) == 1.0
