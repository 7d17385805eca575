"""perplexity-correlations: bits per byte of 263 documents and three benchmarks, by base model.

Reads the folder examples/get_error_and_bpb of github.com/TristanThrush/perplexity-correlations.
LLM360/Amber is there twice, with equal figures under two families, and written once. The rows of
LAMBADA are perplexities, no scores, and left out. The documents of the source are stories of
Project Gutenberg, whose titles end in "by Surname, Forename", and articles.
"""

import csv
import re
from ast import literal_eval
from math import fsum
from pathlib import Path

from source_tables import Tables, size_of, write_tables

SCORES = ("arc_easy", "piqa", "sciq")
SAME_AS_LLM360 = "amber"  # the other family of LLM360/Amber
STORY = re.compile(r" by (?:[^,]+, )+[^,]+$")
TEXTS = ("stories", "articles")


def make_tables(raw: Path) -> Tables:
    """The table of models, and the documents behind its two texts."""
    bits = _read(raw / "chunked_synthetic_sample_bpb_id.csv")
    errors = _read(raw / "error.csv")
    models = {
        model: f"('{family}', '{model}')"
        for family, model in map(literal_eval, next(iter(bits.values())))
        if family != SAME_AS_LLM360
    }
    documents = [
        {"document": title.strip(), "text": TEXTS[not STORY.search(title)]}
        | {model: cells[column] for model, column in models.items()}
        for title, cells in bits.items()
    ]
    rows = [
        {"model": model, "family": literal_eval(column)[0], "parameters": size_of(model)}
        | {
            text: repr(_mean([float(d[model]) for d in documents if d["text"] == text]))
            for text in TEXTS
        }
        | {"all_documents": repr(_mean([float(document[model]) for document in documents]))}
        | {score: repr(round(1 - float(errors[score][column]), 15)) for score in SCORES}
        for model, column in sorted(models.items(), key=lambda item: item[0].lower())
    ]
    name = "perplexity-correlations"
    return {f"{name}/table.csv": rows, f"{name}/documents.csv": documents}


def _read(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        header, *lines = csv.reader(stream)
    return {line[0]: dict(zip(header[1:], line[1:], strict=True)) for line in lines}


def _mean(values: list[float]) -> float:
    return fsum(values) / len(values)


if __name__ == "__main__":
    write_tables(make_tables)
