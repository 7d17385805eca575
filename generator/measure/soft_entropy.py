"""Soft entropy of vectors on a sphere (Conklin 2025, arXiv 2505.23960), many anchor seeds at once.

A vector is assigned softly to `bins` random anchors; the entropy of the mean assignment, divided
by ln(bins), estimates how much of the space the vectors use. Shapes: N vectors, D dimensions,
S anchor seeds, B bins.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

SMALLEST_WIDTH = 8  # below this the bound that the scale solves collapses


def solve_scale(width: int, bins: int) -> float:
    """The temperature ε of the soft assignment for vectors of `width` dimensions.

    κ = 1/ε is where the information bound of a von Mises–Fisher cap on the sphere equals
    ln(bins). Raises ValueError below 8 dimensions, where the equation has no such root.
    """
    if width < SMALLEST_WIDTH:
        raise ValueError(f"soft entropy needs at least {SMALLEST_WIDTH} dimensions, found {width}")
    nu = width / 2 - 1

    def excess(scale: float) -> float:
        kappa = 1 / scale
        mean_length = kappa**2 / (width / 2 + math.sqrt(kappa**2 + width**2 / 4))
        root = math.sqrt(kappa**2 + nu**2)
        normaliser = root - nu + nu * math.log(2 * nu / (nu + root))
        return mean_length - normaliser - math.log(bins)

    return float(brentq(excess, 1e-5, 1.0, xtol=1e-15, rtol=1e-14))


def draw_anchors(seeds: Sequence[int], bins: int, width: int) -> Tensor:
    """Unit anchors, (S · B, D) float64: drawn by numpy, so equal on every device."""
    drawn = [np.random.default_rng(seed).standard_normal((bins, width)) for seed in seeds]
    rows = np.concatenate(drawn)
    return torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def normalise(vectors: Tensor) -> Tensor:
    """ẑ = z/‖z‖, (N, D); a zero vector stays zero and is assigned evenly to all anchors."""
    lengths = vectors.norm(dim=-1, keepdim=True)
    return torch.where(lengths > 0, vectors / lengths, torch.zeros_like(vectors))


def assign(directions: Tensor, anchors: Tensor, scale: float, bins: int) -> Tensor:
    """Soft assignments A = softmax(ẑ Wᵀ / ε) over each seed's bins, (N, S, B).

    One matrix product serves all seeds.
    """
    logits: Tensor = directions @ anchors.T.to(directions.dtype) / scale  # (N, S · B)
    assignments: Tensor = logits.view(len(directions), -1, bins).softmax(dim=-1)
    return assignments


def normalised_entropy(distributions: Tensor) -> Tensor:
    """−Σ p ln p / ln B over the last axis, in [0, 1]."""
    entropy: Tensor = torch.special.entr(distributions).sum(dim=-1)
    return entropy / math.log(distributions.shape[-1])
