"""Preference information: estimate, null and interval; pairs; measured end to end."""

import numpy as np
import pytest
import torch
from scipy import stats

from generator.measure.preference_information import Swaps, draw_swaps, estimate_preference
from generator.tables.preferences import jackknife_interval

BINS = 10
TOKENS = 12
PAIRS = 60


def sample_assignments(generator, pairs=PAIRS, shared=0.0, signal=0.0, tokens=TOKENS, seeds=1):
    """Assignments (P, 2, T, S, B) of noise, with shifts shared by all tokens of a completion.

    signal: how far the first bin of preferred completions is raised.
    """
    logits = generator.standard_normal((pairs, 2, tokens, seeds, BINS))
    logits += shared * generator.standard_normal((pairs, 2, 1, seeds, BINS))
    logits[:, 0, ..., 0] += signal
    return torch.from_numpy(logits).softmax(dim=-1)


def estimate(assignments, swaps=None):
    pairs, _, tokens = assignments.shape[:3]
    counts = torch.full((pairs, 2), tokens)
    return estimate_preference(
        assignments.sum(dim=2), counts, swaps or draw_swaps(pairs, 200, 20, 0)
    )


def entropy(rows):
    mean = rows.mean(axis=0)
    return -np.sum(mean * np.log(mean)) / np.log(len(mean))


def brute_force(chosen, rejected):
    """Plug-in information of lists of tokens' assignments, from its definition."""
    both = np.concatenate([chosen, rejected])
    share = len(chosen) / len(both)
    return entropy(both) - share * entropy(chosen) - (1 - share) * entropy(rejected)


def corrected_scores(count, **options):
    """Corrected information in units of the null's deviation, one for each of many samples."""
    scores = []
    for seed in range(count):
        found = estimate(sample_assignments(np.random.default_rng(seed), **options))
        scores.append(float((found.plug_in - found.null) / found.null_deviation))
    return np.array(scores)


def test_plug_in_and_null_are_those_of_their_definitions():
    """Completions of unequal lengths, two anchor seeds, three swaps done one by one."""
    generator = np.random.default_rng(1)
    lengths = generator.integers(3, 9, (5, 2))
    tokens = [[generator.dirichlet(np.ones(BINS), (n, 2)) for n in pair] for pair in lengths]
    sums = torch.tensor(np.array([[side.sum(axis=0) for side in pair] for pair in tokens]))
    signs = np.array([[1, 1, 1, 1, 1], [1, -1, 1, 1, -1], [-1, 1, 1, 1, 1], [1, 1, -1, -1, 1]])
    swaps = Swaps(torch.from_numpy(signs).double(), np.arange(5))
    found = estimate_preference(sums, torch.from_numpy(lengths), swaps)

    def under(row, seed, kept=range(5)):
        sides = [[], []]
        for i in kept:
            for k in (0, 1):
                sides[k if row[i] == 1 else 1 - k].append(tokens[i][k][:, seed])
        return brute_force(np.concatenate(sides[0]), np.concatenate(sides[1]))

    for seed in (0, 1):
        null = [under(row, seed) for row in signs[1:]]
        assert float(found.plug_in[seed]) == pytest.approx(under(signs[0], seed), abs=1e-12)
        assert float(found.null[seed]) == pytest.approx(np.mean(null), abs=1e-12)
        assert float(found.null_deviation[seed]) == pytest.approx(np.std(null, ddof=1), abs=1e-12)
    without = [0, 1, 3, 4]  # the third group holds the third pair
    alone = [
        under(signs[0], seed, without) - np.mean([under(r, seed, without) for r in signs[1:]])
        for seed in (0, 1)
    ]
    assert float(found.replicates[2]) == pytest.approx(np.mean(alone), abs=1e-12)


def test_swaps_are_the_same_every_time_and_groups_are_even():
    swaps = draw_swaps(45, 200, 20, 3)
    again = draw_swaps(45, 200, 20, 3)
    assert torch.equal(swaps.signs, again.signs)
    assert (swaps.groups == again.groups).all()
    assert set(np.bincount(swaps.groups)) == {2, 3}
    assert (swaps.signs[0] == 1).all()
    assert set(swaps.signs[1:].unique().tolist()) == {-1.0, 1.0}
    assert not torch.equal(swaps.signs, draw_swaps(45, 200, 20, 4).signs)


@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_pairs_without_signal_carry_no_information(shared):
    """Whether tokens are noise of their own or share the shift of their completion."""
    scores = corrected_scores(100, shared=shared)
    assert abs(scores.mean()) < 3 / np.sqrt(len(scores))
    assert 0.75 < scores.std(ddof=1) < 1.35
    assert (np.abs(scores) < 3).mean() >= 0.97


def test_a_null_over_tokens_would_take_what_completions_share_for_information():
    generator = np.random.default_rng(2)
    assignments = sample_assignments(generator, shared=1.0)
    chosen, rejected = (assignments[:, k, :, 0].reshape(-1, BINS).numpy() for k in (0, 1))
    both = np.concatenate([chosen, rejected])
    shuffled = []
    for _ in range(100):
        mixed = generator.permutation(both)
        shuffled.append(brute_force(mixed[: len(chosen)], mixed[len(chosen) :]))
    excess = brute_force(chosen, rejected) - np.mean(shuffled)
    assert excess > 5 * np.std(shuffled)
    found = estimate(assignments)
    assert abs(float(found.plug_in - found.null)) < 3 * float(found.null_deviation)


def test_a_signal_is_found():
    assert corrected_scores(5, shared=1.0, signal=1.5).min() > 4


def test_the_interval_covers_the_truth():
    """Of 200 samples of 60 pairs about 95 % of the intervals hold the value of 40,000 pairs."""
    options = {"shared": 0.5, "signal": 0.7, "tokens": 4}
    many = sample_assignments(np.random.default_rng(0), pairs=40_000, **options)
    chosen, rejected = (many[:, k, :, 0].reshape(-1, BINS).numpy() for k in (0, 1))
    truth = brute_force(chosen, rejected)
    covered = 0
    for seed in range(1, 201):
        found = estimate(sample_assignments(np.random.default_rng(seed), **options))
        value = float((found.plug_in - found.null).mean())
        interval = jackknife_interval(value, found.replicates.numpy())
        covered += interval.low <= truth <= interval.high
    assert 0.90 <= covered / 200 <= 0.99


def test_a_constant_figure_has_no_width():
    interval = jackknife_interval(0.5, np.full(20, 0.5))
    assert (interval.low, interval.high) == (0.5, 0.5)


def test_the_interval_is_that_of_a_mean():
    """For a mean of 20 values, the delete-one jackknife is the t interval of textbooks."""
    values = np.random.default_rng(4).standard_normal(20)
    replicates = (values.sum() - values) / 19
    interval = jackknife_interval(values.mean(), replicates)
    expected = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    assert (interval.low, interval.high) == pytest.approx(expected)
