"""A miniature repository in a folder: four models, one suite, one corpus, and their records."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import tomlkit
from compression_leaderboard.exchange.lm_eval import import_lm_eval
from compression_leaderboard.records.base import Record
from compression_leaderboard.records.models import Checkpoint, Model
from compression_leaderboard.records.results import Failure, Result
from compression_leaderboard.repository.results import write_imported, write_record

from tests import ROOT
from tests.factory import (
    CORPUS,
    PAIR_LINES,
    PAIRS,
    REVISION,
    SUITE,
    make_classical,
    make_model,
    make_preference,
    make_result,
)

HOSTILE = "<script>document.title='taken'</script>{{7*7}}{% include 'x' %}{#--- | \" ' & 🙂"
TURNED = "\u202eright to left\u2066 שלום"  # the first mark would turn the page's own words
LONG = (
    "two\nlines, `code`, [a link](javascript:alert(1)) and "
    + "a very long word".replace(" ", "") * 14
)
EARLY = "sha256-" + "e" * 40
SOURCE = """format = 1
name = "paper"
title = "Published: figures of a paper"
comparable_with = "Only with each other."
collected = 2026-01-01
key = "model"
group = "family"
parameters = "parameters"

[[citations]]
text = "A paper."
url = 'https://paper.example/?"><script>alert(1)</script>'
licence = "MIT"
figures = "all"

[[compression]]
column = "bpc"
label = "Prose"
unit = "bits per character"

[[scores]]
column = "quiz"
label = "Quiz"
chance = 0.25
metric = "accuracy"
"""


def models() -> list[Model]:
    """A hostile base model with a checkpoint, a plain instruct model, one that fails, and another
    base model."""
    checkpoints = (
        Checkpoint(revision=EARLY, tokens_seen=10, path="early"),
        Checkpoint(revision=REVISION, tokens_seen=20, path="weights"),
    )
    return [
        make_model(
            "org/hostile",
            family=HOSTILE,
            licence=HOSTILE,
            note=HOSTILE,
            training_tokens=20,
            checkpoints=checkpoints,
        ),
        make_model("org/plain", kind="instruct", parameters=2_000_000, corpora=("prose", "pairs")),
        make_model("org/failing"),
        make_model("org/rival", suites=(), family=TURNED, note=LONG),
    ]


def results() -> list[Result]:
    hostile, plain, failing, rival = models()
    error = Failure(reason="nan-logits", message=HOSTILE)
    earlier = datetime(2025, 1, 1, tzinfo=UTC)
    return [
        make_result(hostile, tokens_seen=20),
        make_result(hostile, revision=EARLY, tokens_seen=10),
        make_result(hostile, "suite", tokens_seen=20),
        make_result(plain),
        make_result(plain, started=earlier, retracted="the text was cut short"),
        make_result(plain, "suite"),
        make_result(rival),
        make_classical(),
        make_preference(plain),
        make_result(failing, text=None, lossless=None, lossy=None, error=error),
    ]


def write_miniature(root: Path) -> None:
    """The repository below `root`: runs/, results/, site/ and mkdocs.yml."""
    for model in models():
        write_toml(root / model.file, model)
    write_toml(root / "runs/suites/starter.toml", SUITE)
    write_toml(root / "runs/corpora/prose.toml", CORPUS)
    write_toml(root / "runs/corpora/pairs.toml", PAIRS)
    (root / "runs/preferences").mkdir()
    (root / "runs/preferences/pairs.jsonl").write_text(PAIR_LINES, "utf-8")
    for result in results():
        write_record(root / "results/measured", root, result)
    _write_published(root / "results" / "published" / "paper")
    _write_imported(root)
    shutil.copytree(ROOT / "site", root / "site")
    shutil.copy(ROOT / "mkdocs.yml", root)


def _write_published(folder: Path) -> None:
    """Twelve models of four families on a noisy line; one of them has a hostile name."""
    folder.mkdir(parents=True)
    (folder / "source.toml").write_text(SOURCE, "utf-8")
    names = [f"team{k % 4}/model-{k}" for k in range(11)] + [HOSTILE.replace('"', '""')]
    lines = ["model,family,parameters,bpc,quiz"]
    for k, name in enumerate(names):
        bits, score = 1.0 - 0.04 * k, 0.3 + 0.05 * k + 0.03 * (-1) ** k
        lines.append(f'"{name}",team{k % 4},{10 ** (6 + k % 5)},{bits:.2f},{score:.2f}')
    lines.append("team0/unknown,team0,,0.9,")
    (folder / "table.csv").write_text("\n".join(lines) + "\n", "utf-8")


def _write_imported(root: Path) -> None:
    """Two files about the hostile model that disagree, with hostile names and an adapter's."""
    files = []
    for value, args in ((0.2, ""), (0.9, ""), (0.5, f",peft={HOSTILE.replace(',', '')}")):
        scores = {"acc,none": value, "acc_stderr,none": 0.01, f"{HOSTILE},none": 1.5, "x": [1]}
        config = {"model": HOSTILE, "model_args": f"pretrained=org/hostile{args}"}
        document = {"results": {HOSTILE: scores}, "config": config, "git_hash": HOSTILE}
        files.append(json.dumps(document).encode())
    records = [(content, import_lm_eval(HOSTILE, content)) for content in files]
    assert [error for _, error in write_imported(root, records) if error] == []


def write_toml(path: Path, record: Record) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tomlkit.dumps(record.model_dump(exclude_none=True)), "utf-8")
