"""lm-harmony: bits per byte and scores of 53 models, before and after fine-tuning on each task.

Reads notebooks/all_results.json of github.com/socialfoundations/lm-harmony. Base models and
instruct models, and the two kinds of scores, are cohorts of their own. The eight Gemma models have
no bits per byte there and are left out, as are the bits per byte after fine-tuning on the texts.

CoLA's score is a correlation (Matthews) in [-1, 1]. It is written as (1 + correlation) / 2, so that
0.5 is what an answer without relation to the truth gets, and its standard error as half.
"""

import json
import re
from pathlib import Path
from typing import Any

from source_tables import Rows, Tables, size_of, write_tables

TEXTS = ("wiki_2025", "stackexchange_2025", "arxiv_2025")
INSTRUCT = re.compile(r"-(Chat|Instruct|it)$")
FAMILY = re.compile(r"[^/]+/(gpt2|.+?)(-[0-9.]+[bBmM].*|-(medium|large|xl))?")
TARGETS = {"": "direct_eval", "-tuned": "train_before_test"}


def make_tables(raw: Path) -> Tables:
    """One table for each kind of model and of score."""
    results = json.loads(raw.read_text("utf-8"))
    models = sorted(results["direct_eval"][TEXTS[0]], key=str.lower)
    kinds = {
        "base": [model for model in models if not INSTRUCT.search(model)],
        "instruct": [model for model in models if INSTRUCT.search(model)],
    }
    return {
        f"lm-harmony-{kind}{suffix}/table.csv": _rows(results, names, evaluation)
        for kind, names in kinds.items()
        for suffix, evaluation in TARGETS.items()
    }


def _rows(results: dict[str, Any], models: list[str], evaluation: str) -> Rows:
    scores, errors = results[evaluation], results[f"{evaluation}_stderr"]
    tasks = [task for task in scores if task not in TEXTS]
    rows = []
    for model in models:
        match = FAMILY.fullmatch(model)
        assert match is not None, model
        row = {"model": model, "family": match[1], "parameters": size_of(model)}
        row |= {f"bpb_{text}": repr(results["direct_eval"][text][model]) for text in TEXTS}
        for task in tasks:
            score, stderr = scores[task][model], errors[task][model]
            if task == "cola":
                score, stderr = (1 + score) / 2, stderr / 2
            row[task] = repr(score)
            # None or all right: the formula's error is 0, which no finite test shows.
            row[f"{task}_stderr"] = repr(stderr) if stderr else ""
        rows.append(row)
    return rows


if __name__ == "__main__":
    write_tables(make_tables)
