"""Parity with the authors' package, soft-entropy 0.1.5, its accumulator given our anchors."""

import numpy as np
import pytest
import torch
from compression_leaderboard.measure.information import (
    Parts,
    assign,
    draw_anchors,
    measure_moments,
    number_labels,
    plug_in,
    solve_scale,
    sort_labels,
)

from tests.cases import one_in

BINS = 100


def states_and_labels(width: int, positions: int = 3000):
    """A chain of symbols; a state is its symbol's vector and noise. Labels as for a text."""
    generator = np.random.default_rng(width)
    symbols = np.minimum(generator.geometric(0.05, positions + 3), 60)
    z = generator.standard_normal((61, width))[symbols[1:-2]]
    z = 3 * z + generator.standard_normal((positions, width))
    before = number_labels(np.stack([symbols[1:-2], symbols[:-3]], axis=1))
    after = number_labels(np.stack([symbols[2:-1], symbols[3:]], axis=1))
    labels = {"token": before[0], "bigram": before[1], "next": after[0], "next bigram": after[1]}
    return z, labels | {"binary": symbols[1:-2] % 2, "unique": np.arange(positions)}


@pytest.mark.parametrize("width", [16, 64, 768])
@pytest.mark.parametrize("seed", one_in(2, [5, 0]))
def test_entropy_and_information_are_those_of_the_authors_package(width, seed):
    """Several batches there, one estimate here; a difference of 1e-6 would fail."""
    from soft_entropy.accumulator import SoftEntropyAccumulator

    z, labels = states_and_labels(width)
    anchors = draw_anchors((seed,), BINS, width)
    theirs = SoftEntropyAccumulator(d=width, n_bins=BINS, backend="numpy")
    theirs.w = anchors[0].numpy()
    for part in np.array_split(np.arange(len(z)), 4):
        theirs.update(z[part], labels={name: own[part] for name, own in labels.items()})
    assert theirs.temp == pytest.approx(solve_scale(width, BINS), rel=1e-7)
    assignments = next(assign(torch.from_numpy(z), anchors, solve_scale(width, BINS)))
    none = np.zeros(len(z), dtype=np.int64)
    parts = Parts(none, none)
    moments = measure_moments(assignments, parts)
    assert moments.entropy[0] == pytest.approx(theirs.entropy(), abs=1e-6)
    expected = theirs.mutual_information()
    assert expected["token"] > 0.01
    for name, own in labels.items():
        found = plug_in(moments, sort_labels(own, parts))
        assert found[0] == pytest.approx(expected[name], abs=1e-6), name
