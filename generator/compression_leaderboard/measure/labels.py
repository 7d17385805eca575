"""Positions that are analysed, and their labels: n-grams of tokens or bytes.

Input labels are the 1…K units (tokens, or raw bytes) that end at a position, output labels those
that follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.measure.tokens import Encoded, IntArray


@dataclass(frozen=True)
class Labels:
    """One label for each of N positions, each in one of G groups of documents.

    A label that occurs once needs no sum: it is kept apart. The others are cut into pieces, one
    for each label and group, so that a group can be taken out of every label.
    """

    counts: IntArray  # (labels,) positions of each label, singletons first
    singletons: IntArray  # positions whose label occurs once
    singleton_group: IntArray  # their groups
    rows: IntArray  # the other positions, sorted by label, then group
    piece_starts: IntArray  # (pieces,) first row of each piece
    piece_counts: IntArray  # (pieces,) rows of each piece
    piece_group: IntArray  # (pieces,)
    piece_label: IntArray  # (pieces,) index into the labels that are not singletons
    label_starts: IntArray  # (labels − singletons,) first piece of each

    @property
    def singleton_mass(self) -> float:
        """Share of positions whose label occurs once; near 1, plug-in estimates are all bias."""
        return len(self.singletons) / int(self.counts.sum())

    @property
    def repeated_counts(self) -> IntArray:
        """Positions of each label that is not a singleton."""
        return self.counts[len(self.singletons) :]


def number_labels(grams: NDArray[np.integer]) -> IntArray:
    """Number the n-grams of orders 1…K, (K, N) from (N, K) with the unit nearest to Z first.

    Numbers count from 0 without gaps; a label of order k + 1 has one label of order k.
    """
    positions, orders = grams.shape
    order = np.lexsort(grams.T[::-1])  # the last key given is the first that is compared
    ordered = grams[order]
    changes = np.zeros(positions, dtype=bool)
    numbers = np.empty((orders, positions), dtype=np.int64)
    for k in range(orders):
        changes[1:] |= ordered[1:, k] != ordered[:-1, k]
        numbers[k, order] = np.cumsum(changes)
    return numbers


def sort_labels(numbers: IntArray, groups: IntArray, kept: IntArray | None = None) -> Labels:
    """Sort the numbered labels of N positions, or of those kept, by label and group."""
    kept = np.arange(len(numbers)) if kept is None else kept
    _, dense, counts = np.unique(numbers[kept], return_inverse=True, return_counts=True)
    numbers = np.zeros_like(numbers)
    numbers[kept] = dense
    single = np.zeros(len(numbers), dtype=bool)
    single[kept] = counts[dense] == 1
    rows = kept[~single[kept]]
    rows = rows[np.lexsort((groups[rows], numbers[rows]))]
    label, group = numbers[rows], groups[rows]
    starts = np.ones(len(rows), dtype=bool)
    starts[1:] = (label[1:] != label[:-1]) | (group[1:] != group[:-1])
    piece_starts = np.flatnonzero(starts)
    label_of_piece = label[piece_starts]
    firsts = np.ones(len(piece_starts), dtype=bool)
    firsts[1:] = label_of_piece[1:] != label_of_piece[:-1]
    return Labels(
        counts=np.concatenate([counts[counts == 1], counts[counts > 1]]),
        singletons=np.flatnonzero(single),
        singleton_group=groups[single],
        rows=rows,
        piece_starts=piece_starts,
        piece_counts=np.diff(np.append(piece_starts, len(rows))),
        piece_group=group[piece_starts],
        piece_label=np.cumsum(firsts) - 1,
        label_starts=np.flatnonzero(firsts),
    )


def eligible_tokens(document: Encoded, max_order: int, longest_bytes: int) -> IntArray:
    """Indices of tokens with room for every label on both sides.

    `max_order` tokens up to and including them and as many after; and as many bytes before their
    end and after it as the longest label of bytes has, where the bytes of tokens are known.
    """
    tokens = np.arange(max_order - 1, len(document.tokens) - max_order, dtype=np.int64)
    if document.ends is None:
        return tokens
    ends = document.ends[tokens]
    roomy: IntArray = tokens[(ends >= longest_bytes) & (document.ends[-1] - ends >= longest_bytes)]
    return roomy


def draw_positions(
    documents: Sequence[Encoded], count: int, max_order: int, longest_bytes: int, seed: int
) -> list[NDArray[np.bool_]] | None:
    """Masks over each document's inputs that choose `count` positions, or None if there are fewer.

    Stratified: each document gives its share (largest remainders), drawn without replacement.
    """
    eligible = [eligible_tokens(document, max_order, longest_bytes) for document in documents]
    sizes = np.array([len(tokens) for tokens in eligible])
    if sizes.sum() < count:
        return None
    shares = sizes * count / sizes.sum()
    quota = np.floor(shares).astype(np.int64)
    missing = count - quota.sum()
    quota[np.argsort(quota - shares, kind="stable")[:missing]] += 1
    masks = []
    for index, (document, tokens) in enumerate(zip(documents, eligible, strict=True)):
        generator = np.random.default_rng([seed, index])
        drawn = generator.choice(tokens, size=quota[index], replace=False)
        mask = np.zeros(len(document.inputs), dtype=bool)
        mask[drawn + document.offset] = True
        masks.append(mask)
    return masks


def grams_at(
    documents: Sequence[Encoded], rows: IntArray, max_order: int
) -> tuple[IntArray, IntArray]:
    """n-grams that end at and that follow each row, (N, K) each, the nearest token first."""
    before = np.empty((len(rows), max_order), dtype=np.int64)
    after = np.empty_like(before)
    for index, document in enumerate(documents):
        here = np.flatnonzero(rows[:, 0] == index)
        tokens = rows[here, 1] - document.offset
        for k in range(max_order):
            before[here, k] = document.tokens[tokens - k]
            after[here, k] = document.tokens[tokens + 1 + k]
    return before, after


def bytes_at(
    documents: Sequence[Encoded], rows: IntArray, longest: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """Raw bytes before and after the end of each row's token, (N, K) each, the nearest first.

    None where the bytes of a document's tokens are not known.
    """
    before = np.empty((len(rows), longest), dtype=np.uint8)
    after = np.empty_like(before)
    for index, document in enumerate(documents):
        if document.ends is None:
            return None
        content = np.frombuffer(document.document.text.encode(), dtype=np.uint8)
        here = np.flatnonzero(rows[:, 0] == index)
        ends = document.ends[rows[here, 1] - document.offset]
        for k in range(longest):
            before[here, k] = content[ends - 1 - k]
            after[here, k] = content[ends + k]
    return before, after
