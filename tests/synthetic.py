"""A made-up repository of any size, for the budgets of build and page: figures that mean nothing.

Models of 40 families follow a noisy line from size over bits per byte to 22 task scores; each has
two texts of 24 documents, hidden states of 2 layers, and one suite.
"""

import shutil
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from compression_leaderboard.records.models import Dataset, Model, Suite, Task, Weights
from compression_leaderboard.records.results import (
    CorpusText,
    DocumentBits,
    Lossless,
    Response,
    Result,
    Score,
    Stretch,
    Subject,
    TaskResult,
)
from compression_leaderboard.repository.results import record_text

from tests import ROOT
from tests.factory import CORPUS, REVISION, make_model, make_result
from tests.miniature import write_toml

DOCUMENTS, TASKS = 24, 22
# Of the items of a task around its score, which is their mean; the standard error is 0.01.
OFFSETS = [0.02**0.5 * 0.1 * k for k in (-2, -1, 0, 1, 2)]
SIZES = {
    "bytes": 100 * DOCUMENTS,
    "protocol": CORPUS.protocol.model_copy(update={"documents": DOCUMENTS}),
}
TEXTS = [
    CORPUS.model_copy(update={"name": name, "title": name.title(), **SIZES})
    for name in ("prose", "code")
]
SUITE = Suite(
    name="starter",
    title="Starter",
    description="Made up.",
    public=False,
    tasks=tuple(
        Task(
            task=f"task{k}",
            label=f"Task {k}",
            category="made up",
            chance=0.25,
            dataset=Dataset(path=f"task{k}.jsonl", revision="sha256-" + "b" * 40),
        )
        for k in range(TASKS)
    ),
)


def write_synthetic(root: Path, models: int) -> None:
    """The repository below `root`: runs/, results/, site/ and mkdocs.yml."""
    random = np.random.default_rng(0)
    for text in TEXTS:
        write_toml(root / f"runs/corpora/{text.name}.toml", text)
    write_toml(root / "runs/suites/starter.toml", SUITE)
    documents = random.normal(0, 0.15, (2, DOCUMENTS))  # some documents are hard for all
    for number in range(models):
        size = int(10 ** random.uniform(7, 11))
        model = _model(number, size)
        write_toml(root / model.file, model)
        bits = 2.6 - 0.17 * np.log10(size) + random.normal(0, 0.03)
        for k, text in enumerate(TEXTS):
            rates = bits - 0.2 * k + documents[k] + random.normal(0, 0.02, DOCUMENTS)
            _write(root, _scored(model, text, rates))
        score = np.clip(1.6 - bits + random.normal(0, 0.02), 0.26, 0.99)
        values = np.clip(score + random.normal(0, 0.03, TASKS), 0.05, 0.95)
        _write(root, make_result(model, "suite", tasks=_tasks(values.tolist())))
    shutil.copytree(ROOT / "site", root / "site")
    shutil.copy(ROOT / "mkdocs.yml", root)


def _model(number: int, size: int) -> Model:
    family = f"Family {number % 40:02}"
    return make_model(
        f"team{number % 40:02}/model-{number:04}-{size / 1e9:.2f}b",
        family=family,
        parameters=size,
        training_tokens=10**12,
        released=date(2020, 1, 1),
        licence=("Apache-2.0", "MIT", "other")[number % 3],
        corpora=tuple(text.name for text in TEXTS),
        weights=Weights(path=f"weights/{number}", revision=REVISION),
    )


def _scored(model: Model, text, rates: np.ndarray) -> Result:
    documents = tuple(
        DocumentBits(
            document=f"d{k}", bytes=100, tokens=30, bits=round(100 * float(rate), 4), lossless=True
        )
        for k, rate in enumerate(rates)
    )
    total = sum(document.bits for document in documents)
    whole = 100 * len(documents)
    lossless = Lossless(
        bits_per_byte=total / whole,
        failing_bytes=0,
        documents=documents,
        stretches=(
            Stretch(from_byte=0, bytes=whole // 2, bits=total * 0.55),
            Stretch(from_byte=64, bytes=whole // 2, bits=total * 0.45),
        ),
    )
    subject = Subject(
        architecture="Made",
        parameters=model.parameters,
        weights_bytes=4 * model.parameters,
        context_tokens=4096,
        vocabulary=32000,
        layers=2,
        width=64,
    )
    return make_result(
        model,
        name=text.name,
        started=datetime(2026, 1, 2, tzinfo=UTC),
        text=CorpusText.of(text),
        lossless=lossless,
        subject=subject,
    )


def _tasks(values: list[float]) -> tuple[TaskResult, ...]:
    return tuple(
        _task(task, [value + offset for offset in OFFSETS])
        for task, value in zip(SUITE.tasks, values, strict=True)
    )


def _task(task: Task, items: list[float]) -> TaskResult:
    score = Score(
        task=task.task,
        metric=task.metric,
        value=fmean(items),
        stderr=stdev(items) / len(items) ** 0.5,
        n=len(items),
        higher_is_better=True,
    )
    responses = tuple(
        Response(item=k, target=0, log_likelihoods=(), metrics={"acc": value})
        for k, value in enumerate(items)
    )
    return TaskResult(task=task, version="1", scores=(score,), responses=responses, subtasks=())


def _write(root: Path, result: Result) -> None:
    path = root / "results" / "measured" / result.file
    path.parent.mkdir(parents=True)
    path.write_text(record_text(result), "utf-8")


if __name__ == "__main__":
    write_synthetic(Path(sys.argv[1]), int(sys.argv[2]))
