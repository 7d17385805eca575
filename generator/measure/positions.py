"""Which positions are analysed, and the n-grams around them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generator.measure.labels import IntArray
from generator.measure.windows import Encoded


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
