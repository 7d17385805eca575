"""Gemstones: 35 checkpoints of each of 19 widths and depths, trained on one set of texts.

Reads a table joined from files of github.com/mcleish7/gemstone-scaling-laws by run and step. Widths
and depths are written beside the figures; they are no predictors here.
"""

import csv
from pathlib import Path

from source_tables import Tables, write_tables

TEXTS = ("loss_edu", "loss_dclm")
SCORES = {
    "arc:challenge": "arc_challenge",
    "arc:easy": "arc_easy",
    "commonsense_qa": "commonsense_qa",
    "hellaswag": "hellaswag",
    "mmlu": "mmlu",
    "openbookqa": "openbookqa",
    "piqa": "piqa",
    "siqa": "siqa",
    "winogrande": "winogrande",
}


def make_tables(raw: Path) -> Tables:
    """One row per checkpoint, in order of size and step."""
    with raw.open(encoding="utf-8", newline="") as stream:
        checkpoints = list(csv.DictReader(stream))
    checkpoints.sort(key=lambda row: (int(row["params_active_precise"]), int(row["step"])))
    rows = [
        {
            "checkpoint": f"{row['run_name']}-step{row['step']}",
            "run": row["run_name"],
            "step": row["step"],
            "width": row["width"],
            "depth": row["depth"],
            "parameters": row["params_active_precise"],
            "training_tokens": row["tokens"],
        }
        | {text: row[text] for text in TEXTS}
        | {ours: row[theirs] for theirs, ours in SCORES.items()}
        for row in checkpoints
    ]
    return {"gemstones/table.csv": rows}


if __name__ == "__main__":
    write_tables(make_tables)
