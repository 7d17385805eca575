"""Two models on the same documents: which needs fewer bits, and whether the text can tell."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.jackknife import Interval
from generator.records.results import Lossless, Result
from generator.tables.derive import compare_bits
from generator.tables.measured import current_results


@dataclass(frozen=True)
class Comparison:
    """Bits per byte of `model` less those of `other` on one text (below 0: `model` is better)."""

    model: str
    other: str
    corpus: str
    dtype: str | None
    documents: int
    difference: float
    interval: Interval  # 95 %, documents resampled in pairs
    share: float  # difference / bits per byte of `other`

    @property
    def known(self) -> bool:
        """Whether the interval leaves out 0."""
        return not self.interval.low <= 0 <= self.interval.high


def compare_models(specs: Specs, stored: Iterable[StoredResult]) -> list[Comparison]:
    """Every model against every other that it is ranked with, on each text, the best other first.

    Ranked together are final weights of models of one kind, under today's protocol, in the same
    number format, whose tokenizers give the whole text back.
    """
    held: dict[tuple[str, str, str], list[tuple[Result, Lossless]]] = {}
    for result in (entry.result for entry in current_results(specs, stored)):
        model, lossless = specs.models.get(result.model), result.lossless
        if model is None or lossless is None or lossless.failing_bytes:
            continue
        if result.revision == model.weights.revision:
            key = (model.kind, result.name, str(result.environment.dtype))
            held.setdefault(key, []).append((result, lossless))
    found = []
    for rows in held.values():
        best_first = sorted(rows, key=lambda row: (row[1].bits_per_byte, row[0].model))
        found += [_compare(*one, *other) for one, other in permutations(best_first, 2)]
    known = [comparison for comparison in found if comparison is not None]
    return sorted(known, key=lambda one: (one.model, one.corpus))  # stable: the best other first


def _compare(
    result: Result, one: Lossless, other_result: Result, other: Lossless
) -> Comparison | None:
    """None where the text has fewer than two documents."""
    compared = compare_bits(one, other)
    if compared is None:
        return None
    difference, interval = compared
    return Comparison(
        model=result.model,
        other=other_result.model,
        corpus=result.name,
        dtype=result.environment.dtype,
        documents=len(one.documents),
        difference=difference,
        interval=interval,
        share=difference / other.bits_per_byte,
    )
