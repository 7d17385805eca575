"""Where the bits of a text go: by class of bytes, of one model and of one less another.

Known gaps: classes are compared one by one, without a correction for their number. How a token's
bits are divided over its bytes is a convention, see measure/classify.py.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.intervals import Interval, part_differences, rate_interval
from compression_leaderboard.records.byte_classes import ByteClass, class_label
from compression_leaderboard.records.results import Lossless

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ClassFigure:
    """What a class of bytes costs in one text.

    bits_per_byte: of the class, with documents that have it resampled; None without bytes.
    share: of the text's bits. byte_share: of its bytes.
    """

    byte_class: ByteClass
    documents: int  # that have the class
    bytes: int
    bits: float
    bits_per_byte: float | None
    interval: Interval | None
    share: float
    byte_share: float

    @property
    def label(self) -> str:
        return class_label(self.byte_class)


@dataclass(frozen=True)
class ClassDifference:
    """Bits of a class under `model` less those under `other`, per byte of the whole text.

    The differences of all classes sum to that of the text. share: of `other`'s bits of the class;
    None where these are 0. interval: for the class alone; None for fewer than two documents.
    """

    byte_class: ByteClass
    documents: int  # that have the class
    difference: float
    interval: Interval | None
    share: float | None

    @property
    def label(self) -> str:
        return class_label(self.byte_class)

    @property
    def known(self) -> bool:
        return self.interval is not None and self.interval.excludes_zero


@dataclass(frozen=True)
class ClassBits:
    """Bytes and bits of a text by class and document."""

    classes: tuple[ByteClass, ...]
    documents: tuple[str, ...]
    bytes: NDArray[np.int64]  # (classes, documents)
    bits: Array  # (classes, documents)
    sizes: Array  # bytes of the documents, (documents,)

    @classmethod
    def of(cls, text: Lossless) -> "ClassBits | None":
        """Collect a text's classes; None unless they are known of every document."""
        if text.classes is None or any(d.class_bits is None for d in text.documents):
            return None
        return cls(
            text.classes,
            tuple(d.document for d in text.documents),
            np.array([d.class_bytes for d in text.documents]).T,
            np.array([d.class_bits for d in text.documents]).T,
            np.array([d.bytes for d in text.documents], dtype=np.float64),
        )

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which documents have which class, (classes, documents)."""
        return (self.bytes > 0) | (self.bits > 0)

    def with_start(self) -> "ClassBits":
        """Add "start" where no document has it: it depends on the model's start mode."""
        if "start" in self.classes:
            return self
        nothing = np.zeros((1, len(self.sizes)))
        return replace(
            self,
            classes=(*self.classes, "start"),
            bytes=np.vstack([self.bytes, nothing.astype(np.int64)]),
            bits=np.vstack([self.bits, nothing]),
        )


def class_figures(text: Lossless) -> list[ClassFigure]:
    """List what each class of a text costs, the most bits first; empty if that is not known."""
    if (parts := ClassBits.of(text)) is None:
        return []
    total = parts.bits.sum()
    figures = []
    for byte_class, sizes, bits, present in zip(
        parts.classes, parts.bytes, parts.bits, parts.present, strict=True
    ):
        size, cost = int(sizes.sum()), float(bits.sum())
        figures.append(
            ClassFigure(
                byte_class=byte_class,
                documents=int(present.sum()),
                bytes=size,
                bits=cost,
                bits_per_byte=cost / size if size else None,
                interval=rate_interval(bits[present], sizes[present]) if size else None,
                share=cost / total,
                byte_share=size / parts.sizes.sum(),
            )
        )
    return sorted(figures, key=lambda figure: (-figure.bits, figure.byte_class))


def compare_classes(ours: ClassBits, theirs: ClassBits) -> list[ClassDifference]:
    """Compare two models by class on the same documents, the largest difference first.

    Empty for fewer than two documents, and where a class is not of the same bytes: how classes are
    told apart may have changed between two records.
    """
    if ours.documents != theirs.documents or len(ours.documents) < 2:
        return []
    ours, theirs = ours.with_start(), theirs.with_start()
    if ours.classes != theirs.classes or (ours.bytes != theirs.bytes).any():
        return []
    present = ours.present | theirs.present
    values, reaches = part_differences(ours.bits, theirs.bits, ours.sizes, present)
    totals = theirs.bits.sum(axis=1)
    differences = [
        ClassDifference(
            byte_class=byte_class,
            documents=documents,
            difference=value,
            interval=Interval(value - reach, value + reach) if documents > 1 else None,
            share=value * float(ours.sizes.sum()) / total if total else None,
        )
        for byte_class, documents, value, reach, total in zip(
            ours.classes,
            present.sum(axis=1).tolist(),
            values.tolist(),
            reaches.tolist(),
            totals.tolist(),
            strict=True,
        )
        if documents
    ]
    return sorted(differences, key=lambda d: (-abs(d.difference), d.byte_class))
