"""How much text is enough, and what it costs to score beside a suite of benchmarks.

From the bits of each document that records keep, so less than one document cannot be told. Known
gap: documents are taken as independent draws of one kind; the error is that of other documents of
the same kind, and says nothing of other kinds.

Wall time of whole jobs. That of a text includes the information plane, which the same pass feeds.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.comparisons import alike_texts, neighbours
from compression_leaderboard.board.current import current_results, is_final
from compression_leaderboard.board.derived import main_score
from compression_leaderboard.records.results import Environment, Lossless, Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs
from compression_leaderboard.wording import counted

Array = NDArray[np.float64]

STEPS = (1, 2, 5)  # times powers of ten: the numbers of documents looked at


@dataclass(frozen=True)
class Amount:
    """A model and a text, of which so many documents are scored.

    bytes: that many times the mean document. error: standard error of the bits per byte.
    paired_error: of the difference to another model on the same documents, the median over the
    nearest ones; None where there is no other.
    """

    model: str
    dtype: str | None
    corpus: str
    documents: int
    bytes: float
    error: float
    paired_error: float | None


def text_amounts(specs: Specs, stored: Iterable[StoredResult]) -> list[Amount]:
    """Of every text of final weights, by number of documents up to all of them."""
    found = []
    for rows in alike_texts(specs, stored):
        documents = rows[0][1].documents
        if len(documents) < 2:
            continue
        sizes = np.array([document.bytes for document in documents], dtype=np.float64)
        bits = np.array([[d.bits for d in lossless.documents] for _, lossless in rows])
        errors, paired = document_errors(bits, sizes), _paired_errors(bits, sizes)
        for n in document_steps(len(sizes)):
            for (result, _), error, other in zip(rows, errors.tolist(), paired, strict=True):
                found.append(
                    Amount(
                        result.model,
                        result.environment.dtype,
                        result.name,
                        n,
                        n * float(sizes.mean()),
                        error / n**0.5,
                        None if other is None else other / n**0.5,
                    )
                )
    return sorted(found, key=lambda a: (a.corpus, a.model, str(a.dtype), a.documents))


def document_errors(bits: Array, sizes: Array) -> Array:
    """Standard error of total bits / total bytes of one document; of n, it is 1/√n of this.

    That of a ratio (Cochran 1977, section 2.11), from how far each document's bits lie from what
    the rate of all gives its bytes. bits: (models, documents), of models or of a model less
    another; result: (models,).
    """
    rest = bits - (bits.sum(axis=1) / sizes.sum())[:, None] * sizes
    variance = np.sum(rest**2, axis=1) / (len(sizes) - 1)
    errors: Array = np.sqrt(variance) / sizes.mean()
    return errors


def document_steps(documents: int) -> list[int]:
    """1, 2, 5, 10, … and all of them."""
    steps = [step * 10**power for power in range(len(str(documents))) for step in STEPS]
    return [*(n for n in steps if n < documents), documents]


def _paired_errors(bits: Array, sizes: Array) -> list[float | None]:
    """Of differences to the nearest models, the median. bits: (models, documents), best first."""
    models = len(bits)
    if models < 2:
        return [None] * models
    near = [neighbours(place, models) for place in range(models)]
    distances = {abs(other - place) for place, others in enumerate(near) for other in others}
    by_distance = {d: document_errors(bits[:-d] - bits[d:], sizes) for d in distances}
    return [
        float(np.median([by_distance[abs(other - place)][min(place, other)] for other in others]))
        for place, others in enumerate(near)
    ]


@dataclass(frozen=True)
class Cost:
    """The seconds of one model's text and of its suite, in the same number format.

    The ways say processor, device and threads of either job.
    """

    model: str
    dtype: str | None
    corpus: str
    bytes: int
    corpus_seconds: float
    corpus_way: str
    suite: str
    items: int
    suite_seconds: float
    suite_way: str

    @property
    def ratio(self) -> float | None:
        """Seconds of the suite for each of the text; None where they ran in other ways."""
        if self.corpus_way != self.suite_way or self.corpus_seconds <= 0:
            return None
        return self.suite_seconds / self.corpus_seconds


def scoring_costs(specs: Specs, stored: Iterable[StoredResult]) -> list[Cost]:
    """Every text of final weights with every suite of theirs."""
    results = [entry.result for entry in current_results(specs, stored)]
    final = [result for result in results if is_final(result, specs)]
    suites: dict[tuple[str, str | None], list[Result]] = {}
    for result in final:
        if result.kind == "suite":
            suites.setdefault((result.model, result.environment.dtype), []).append(result)
    found = []
    for text in final:
        if text.lossless is not None:
            own = suites.get((text.model, text.environment.dtype), [])
            found += [_cost(text, text.lossless, suite) for suite in own]
    return sorted(found, key=lambda c: (c.model, str(c.dtype), c.corpus, c.suite))


def _cost(text: Result, lossless: Lossless, suite: Result) -> Cost:
    return Cost(
        model=text.model,
        dtype=text.environment.dtype,
        corpus=text.name,
        bytes=lossless.bytes,
        corpus_seconds=text.environment.wall_seconds,
        corpus_way=_way(text.environment),
        suite=suite.name,
        items=sum(main_score(task)[2] for task in suite.tasks),
        suite_seconds=suite.environment.wall_seconds,
        suite_way=_way(suite.environment),
    )


def _way(e: Environment) -> str:
    return f"{e.processor}, {e.device}, {counted(e.threads, 'thread')}"
