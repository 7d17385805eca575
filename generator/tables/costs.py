"""What it costs to score a text, against the suite of benchmarks that it is to predict.

Wall time of whole jobs. That of a text includes the information plane, which the same pass feeds.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.records.results import Environment, Lossless, Result
from generator.tables.derive import main_score
from generator.tables.measured import current_results


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
    final = [
        r
        for r in results
        if (model := specs.models.get(r.model)) and r.revision == model.weights.revision
    ]
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
        bytes=sum(document.bytes for document in lossless.documents),
        corpus_seconds=text.environment.wall_seconds,
        corpus_way=_way(text.environment),
        suite=suite.name,
        items=sum(main_score(task)[2] for task in suite.tasks),
        suite_seconds=suite.environment.wall_seconds,
        suite_way=_way(suite.environment),
    )


def _way(e: Environment) -> str:
    return f"{e.processor}, {e.device}, {e.threads} {'thread' if e.threads == 1 else 'threads'}"
