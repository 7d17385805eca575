"""llm-line: bits per byte of five texts and ten benchmarks, of 27 models and runs.

Reads data/latest_pm_hf.csv of github.com/brendel-group/llm-line, whose second line is a second
header. Its bits per byte are its loss in nats per token times one constant per tokenizer and text.
Two cells of OLMo-7B have another constant than all the others: they are left out. A checkpoint
whose figures are those of the finished model is left out, too. The steps of OLMo's checkpoints are
not named: their keys have the line of the file. Ten of them have no bits of any text and are
left out. Losses and bits of the benchmarks' right answers are not copied.
"""

import csv
from collections import Counter
from pathlib import Path

from source_tables import Tables, size_of, write_tables

TEXTS = {
    "C4 Validation": "c4",
    "The Pile UC Validation": "pile_uncopyrighted",
    "RefineWeb Validation": "refinedweb",
    "Slimpajama Validation": "slimpajama",
    "FineWeb-Edu Validation": "fineweb_edu",
}
SCORES = {
    "ARC-Challenge": "arc_challenge",
    "ARC-Easy": "arc_easy",
    "HellaSwag": "hellaswag",
    "MMLU": "mmlu",
    "Winogrande": "winogrande",
    "PIQA": "piqa",
    "Social IQa": "social_iqa",
    "CommonSenseQA": "commonsense_qa",
    "COPA": "copa",
    "OpenBookQA": "openbookqa",
}
FAMILIES = {
    "EleutherAI/gpt": "GPT-Neo, J and NeoX",
    "EleutherAI/pythia": "Pythia",
    "HuggingFaceFW/ablation-model-c4": "FineWeb ablation on C4",
    "HuggingFaceFW/ablation-model-fineweb-edu": "FineWeb ablation on FineWeb-Edu",
    "HuggingFaceFW/ablation-model-the-pile": "FineWeb ablation on the Pile",
    "allenai/OLMo": "OLMo",
    "state-spaces/mamba-": "Mamba",
    "state-spaces/mamba2-": "Mamba 2",
}
FIRST_LINE = 3  # of the file: two lines of headers stand before it
EQUAL = 1e-3  # relative difference of two constants that only rounding explains


def make_tables(raw: Path) -> Tables:
    """One row per model or checkpoint, in order of name and step; the file's order for OLMo."""
    with raw.open(encoding="utf-8", newline="") as stream:
        header, _, *lines = csv.reader(stream)
    entries = []
    for line, cells in enumerate(lines, start=FIRST_LINE):
        entry = dict(zip(header[:67], cells[:67], strict=True))  # further names occur several times
        entries.append(entry | {"line": str(line)})
    constants = _constants(entries)
    finished = {_figures(entry) for entry in entries if not entry["Steps"]}
    rows = [
        _row(entry, constants)
        for entry in entries
        if not (entry["Steps"] and _figures(entry) in finished)
    ]
    rows = [row for row in rows if any(row[text] for text in TEXTS.values())]
    rows.sort(key=lambda row: (row["run"].lower(), int(row["step"] or 10**9)))
    return {"llm-line/table.csv": rows}


def _row(entry: dict[str, str], constants: dict[tuple[str, str], float]) -> dict[str, str]:
    name, step = entry["Name"], entry["Steps"].removesuffix(".0")
    family = max((start for start in FAMILIES if name.startswith(start)), key=len)
    key = f"{name}-step{step}" if step else name
    if name.startswith("allenai/"):
        key = f"{name}-line{entry['line']}"
    return {
        "model": key,
        "run": name,
        "family": FAMILIES[family],
        "step": step,
        "parameters": entry["Size"] or size_of(name),
        "training_tokens": entry["Tokens"],
        **{ours: _bits(entry, theirs, constants) for theirs, ours in TEXTS.items()},
        **{ours: entry[f"{theirs} Accuracy"] for theirs, ours in SCORES.items()},
    }


def _bits(entry: dict[str, str], text: str, constants: dict[tuple[str, str], float]) -> str:
    constant = _constant(entry, text)
    usual = constants.get((entry["Tokenizer"], text))
    if constant is None or usual is None or abs(constant / usual - 1) > EQUAL:
        return ""
    return entry[f"{text} BPB"]


def _constants(entries: list[dict[str, str]]) -> dict[tuple[str, str], float]:
    """The most frequent constant of each tokenizer and text."""
    counts: dict[tuple[str, str], Counter[float]] = {}
    for entry in entries:
        for text in TEXTS:
            if (constant := _constant(entry, text)) is not None:
                key = entry["Tokenizer"], text
                counts.setdefault(key, Counter())[round(constant, 4)] += 1
    return {key: counter.most_common(1)[0][0] for key, counter in counts.items()}


def _constant(entry: dict[str, str], text: str) -> float | None:
    loss, bits = entry[f"{text} Loss"], entry[f"{text} BPB"]
    return float(loss) / float(bits) if loss and bits else None


def _figures(entry: dict[str, str]) -> tuple[str, ...]:
    figures = [entry[f"{text} BPB"] for text in TEXTS]
    return (entry["Name"], *figures, *(entry[f"{score} Accuracy"] for score in SCORES))


if __name__ == "__main__":
    write_tables(make_tables)
