"""Three made-up base models beside Gemma's records, as many as pages that compare models want.

Every record is one of Gemma's with other figures: bits by document, likelihoods by item and
information by layer. What a measurement keeps (sums, classes of bytes, scores of items) is kept.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from compression_leaderboard.plan.jobs import latest_results
from compression_leaderboard.records.models import Checkpoint, Model, Weights
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import read_records, write_record

from tests import ROOT
from tests.miniature import write_toml

GEMMA = "google__gemma-3-270m@Q4_K_M"
TABLE = "measured-base-1024-512-starter"
# Names, parameters, and how many of Gemma's bits they need. Documents differ by a tenth of it.
SIZES = {
    "sibling/Sibling-10M": (10_000_000, 1.5),
    "sibling/Sibling-50M": (50_000_000, 1.2),
    "sibling/Sibling-400M": (400_000_000, 0.9),
}
# Training tokens of the checkpoints of each, and how many of the last one's bits they need.
STAGES = {1_000_000: 1.4, 10_000_000: 1.2, 100_000_000: 1.0}


def revision_of(name: str, tokens: int) -> str:
    return f"sha256-{hashlib.sha256(f'{name} {tokens}'.encode()).hexdigest()[:40]}"


def siblings() -> list[Model]:
    return [
        Model(
            name=name,
            family="Sibling",
            kind="base",
            parameters=parameters,
            training_tokens=max(STAGES),
            released=date(2026, 1, 1),
            licence="Apache-2.0",
            weights=Weights(path="weights", revision=revision_of(name, max(STAGES))),
            checkpoints=tuple(
                Checkpoint(revision=revision_of(name, n), tokens_seen=n, path=f"weights/{n}")
                for n in STAGES
            ),
        )
        for name, (parameters, _) in SIZES.items()
    ]


def results() -> Iterator[Result]:
    """Two texts and a suite of each checkpoint of each sibling."""
    stored, problems = read_records(ROOT / "results/measured")
    assert problems == []
    current = [
        entry.result
        for entry in latest_results(stored).values()
        if entry.result.model == GEMMA and not entry.result.is_history
    ]
    originals = [result for result in current if result.lossless or result.tasks]
    assert sorted(result.name for result in originals) == ["python", "sotu", "starter"]
    for place, model in enumerate(siblings()):
        for checkpoint in model.checkpoints:
            level = SIZES[model.name][1] * STAGES[checkpoint.tokens_seen]
            for original in originals:
                yield sibling_of(original, model, checkpoint, level, place)


def sibling_of(
    original: Result, model: Model, checkpoint: Checkpoint, level: float, place: int
) -> Result:
    """Make a record of a checkpoint of a sibling from one of Gemma's."""
    record: dict[str, Any] = json.loads(original.model_dump_json(exclude_none=True))
    record |= {
        "model": model.id,
        "revision": checkpoint.revision,
        "tokens_seen": checkpoint.tokens_seen,
        "replaces": None,
    }
    record["subject"]["parameters"] = model.parameters
    record["calibration"]["start"]["revision"] = model.weights.revision
    if "lossless" in record:
        scale_text(record["lossless"], level, place)
    if "lossy" in record:
        scale_plane(record["lossy"], 1 / (1 + level))
    for task in record["tasks"]:
        answer_again(task, level)
    return Result.model_validate_json(json.dumps(record))


def scale_text(lossless: dict[str, Any], level: float, place: int) -> None:
    """Change the bits of every document; what names the start mode costs the same."""
    before = math.fsum(document["bits"] for document in lossless["documents"])
    is_header = [byte_class == "start" for byte_class in lossless["classes"]]
    for number, document in enumerate(lossless["documents"]):
        factor = level * (1 + 0.1 * math.sin(number * (2 + place) + place))
        document["class_bits"] = [
            bits if fixed else factor * bits
            for bits, fixed in zip(document["class_bits"], is_header, strict=True)
        ]
        document["bits"] = math.fsum(document["class_bits"])
    after = math.fsum(document["bits"] for document in lossless["documents"])
    lossless["bits_per_byte"] = after / sum(entry["bytes"] for entry in lossless["documents"])
    for stretch in lossless["stretches"]:
        stretch["bits"] *= after / before


def scale_plane(lossy: dict[str, Any], factor: float) -> None:
    """Change all information, what is expected of shuffled labels too; less is always possible."""
    parts = [part for layer in lossy["layers"] for part in layer["information"]]
    for part in (*parts, *lossy["replicates"]):
        for name in ("plug_in", "null", "null_deviation", "null_error", "corrected"):
            if name in part:
                part[name] = [factor * value for value in part[name]]
        if "standard_error" in part:
            part["standard_error"] *= factor
    for share in lossy["convergence"]:
        share["plug_in"] *= factor
        share["null"] *= factor


def answer_again(task: dict[str, Any], level: float) -> None:
    """Change all likelihoods, and some right answers into wrong ones; score the items again."""
    for response in task["responses"]:
        likelihoods = [level * value for value in response["log_likelihoods"]]
        target, number = response["target"], response["item"]
        others = [value for k, value in enumerate(likelihoods) if k != target]
        best = max(range(len(likelihoods)), key=lambda k: likelihoods[k])
        is_clear = max(others) < likelihoods[target] - 0.1
        if is_clear and number % 10 < 4 * level:  # it answers with the next choice
            other = (target + 1) % len(likelihoods)
            likelihoods[best], likelihoods[other] = likelihoods[other], likelihoods[best]
            response["metrics"] = dict.fromkeys(response["metrics"], 0.0)
        response["log_likelihoods"] = likelihoods
    for score in task["scores"]:
        values = [response["metrics"][score["metric"]] for response in task["responses"]]
        score["value"] = fmean(values)
        score["stderr"] = stdev(values) / math.sqrt(len(values))


def write_siblings(root: Path) -> None:
    """Add the siblings to a copy of the repository."""
    for model in siblings():
        write_toml(root / model.file, model)
    for result in results():
        write_record(root / "results/measured", root, result)
