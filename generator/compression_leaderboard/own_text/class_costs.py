"""Where the bits of the user's text go: by class of bytes, of each model and between two of them.

Documents stream through once, so intervals come from running sums: Student's t times the standard
error of a linearised ratio, as of paired differences on the board, with one degree of freedom less
than there are documents with the class.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.intervals import Interval, student_quantile
from compression_leaderboard.records.byte_classes import BYTE_CLASSES, ByteClass

Array = NDArray[np.float64]
Classes = Mapping[ByteClass, tuple[int, float]]  # bytes and bits of each class that occurs


@dataclass(frozen=True)
class ClassRate:
    """What a class costs a model. bits_per_byte: of the class; None without bytes."""

    byte_class: ByteClass
    documents: int  # that have the class
    bytes: int
    bits: float
    share: float  # of all bits
    bits_per_byte: float | None
    interval: Interval | None  # of bits_per_byte, 95 %; None for fewer than two documents


@dataclass(frozen=True)
class ClassGap:
    """Bits of a class under one model less those under another, per byte of the whole text.

    The gaps of all classes sum to the difference of the models.
    """

    byte_class: ByteClass
    documents: int  # that have the class
    difference: float
    interval: Interval | None  # 95 %, of this class alone; None for fewer than two documents
    share: float | None  # difference / bits of the other; None where these are 0

    @property
    def is_known(self) -> bool:
        return self.interval is not None and self.interval.excludes_zero


def add_classes(classes: Sequence[Classes | None]) -> Classes | None:
    """Add up the pieces of a document; None where a piece has no classes."""
    known = [piece for piece in classes if piece is not None]
    if len(known) < len(classes):
        return None
    names = {name for piece in known for name in piece}
    zero = (0, 0.0)
    return {
        name: (
            sum(piece.get(name, zero)[0] for piece in known),
            sum(piece.get(name, zero)[1] for piece in known),
        )
        for name in names
    }


class _Ratio:
    """Running sums of numerators y and denominators x by class, (BYTE_CLASSES,)."""

    def __init__(self) -> None:
        shape = len(BYTE_CLASSES)
        self.y, self.x, self.yy, self.xy, self.xx = (np.zeros(shape) for _ in range(5))

    def add(self, y: Array, x: Array | float) -> None:
        self.y += y
        self.x += x
        self.yy += y * y
        self.xy += x * y
        self.xx += np.square(x)

    def interval(self, place: int, among: int, present: int) -> Interval | None:
        """Interval of Σy / Σx of a class. among: documents summed. present: those that have it."""
        if present < 2:
            return None
        y, x = self.y[place], self.x[place]
        rate = y / x
        squares = self.yy[place] - 2 * rate * self.xy[place] + rate**2 * self.xx[place]
        error = (among / (among - 1) * max(squares, 0.0)) ** 0.5 / x
        reach = student_quantile(present - 1) * float(error)
        return Interval(float(rate) - reach, float(rate) + reach)


class ClassSums:
    """Running sums over documents of what each class costs several models."""

    def __init__(self, models: int) -> None:
        self.known = [True] * models  # so far of every document
        self.pairs = list(itertools.combinations(range(models), 2))
        self.documents = 0
        self.present = np.zeros((models, len(BYTE_CLASSES)), dtype=np.int64)
        self.rates = [_Ratio() for _ in range(models)]
        self.gaps = {pair: _Ratio() for pair in self.pairs}
        self.both = {pair: np.zeros(len(BYTE_CLASSES), dtype=np.int64) for pair in self.pairs}

    def add(self, size: int, classes: Sequence[Classes | None]) -> None:
        """Add a document of `size` bytes, with its classes under each model."""
        self.documents += 1
        bits = np.zeros((len(classes), len(BYTE_CLASSES)))
        sizes = np.zeros_like(bits)
        for model, parts in enumerate(classes):
            self.known[model] &= parts is not None
            for name, (n_bytes, cost) in (parts or {}).items():
                place = BYTE_CLASSES.index(name)
                sizes[model, place], bits[model, place] = n_bytes, cost
            self.rates[model].add(bits[model], sizes[model])
        present = (sizes > 0) | (bits > 0)
        self.present += present
        for pair in self.pairs:
            self.gaps[pair].add(bits[pair[0]] - bits[pair[1]], size)
            self.both[pair] += present[pair[0]] | present[pair[1]]

    def rates_of(self, model: int) -> tuple[ClassRate, ...]:
        """List what each class costs a model, the most bits first; empty if it is not known."""
        if not self.known[model]:
            return ()
        ratio, present = self.rates[model], self.present[model]
        rates = []
        for place in np.flatnonzero(present).tolist():
            n, size, bits = int(present[place]), int(ratio.x[place]), float(ratio.y[place])
            rates.append(
                ClassRate(
                    byte_class=BYTE_CLASSES[place],
                    documents=n,
                    bytes=size,
                    bits=bits,
                    share=bits / float(ratio.y.sum()),
                    bits_per_byte=bits / size if size else None,
                    interval=ratio.interval(place, n, n) if size else None,
                )
            )
        return tuple(sorted(rates, key=lambda rate: (-rate.bits, rate.byte_class)))

    def gaps_of(self, model: int, other: int) -> tuple[ClassGap, ...]:
        """List the differences of two models by class, the largest first; empty if not known."""
        if not (self.known[model] and self.known[other]):
            return ()
        pair = (min(model, other), max(model, other))
        sign = 1 if pair == (model, other) else -1
        ratio, present = self.gaps[pair], self.both[pair]
        gaps = []
        for place in np.flatnonzero(present).tolist():
            gap, of_other = sign * float(ratio.y[place]), float(self.rates[other].y[place])
            ends = ratio.interval(place, self.documents, int(present[place]))
            if ends is not None and sign < 0:
                ends = Interval(-ends.high, -ends.low)
            gaps.append(
                ClassGap(
                    byte_class=BYTE_CLASSES[place],
                    documents=int(present[place]),
                    difference=gap / float(ratio.x[place]),
                    interval=ends,
                    share=gap / of_other if of_other else None,
                )
            )
        return tuple(sorted(gaps, key=lambda gap: (-abs(gap.difference), gap.byte_class)))
