"""Write the table of a published source, and tell the size of a model, mostly by its name."""

import csv
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Rows = Sequence[Mapping[str, str]]
Tables = dict[str, Rows]  # by path below results/published

# "7B", "1_6b", "7b1" (7.1 billion) and "160m", but not "4x400M", a mixture of experts.
SIZE = re.compile(r"(?<![0-9A-Za-z.])(\d+)(?:[._](\d+))?([bBmM])(\d)?(?![0-9A-Za-z])")
LETTERS = {"b": 10**9, "m": 10**6}
# Model Size (B) of github.com/ryoungj/ObsScaling.
UNNAMED_SIZES = {
    "LLM360/Amber": "7000000000",
    "microsoft/phi-1_5": "1300000000",
    "openai-community/gpt2": "124000000",
    "openai-community/gpt2-large": "774000000",
    "openai-community/gpt2-medium": "355000000",
    "openai-community/gpt2-xl": "1500000000",
}


def size_of(model: str) -> str:
    """Return the number of parameters: the first size in the name, or what Ruan et al. list."""
    match = SIZE.search(model.rpartition("/")[2])
    if match is None:
        return UNNAMED_SIZES.get(model, "")
    whole, tenths, letter, after = match.groups()
    digits = tenths or after or ""
    scale: int = LETTERS[letter.lower()]
    return str(int(whole + digits) * scale // 10 ** len(digits))


def write_tables(make_tables: Callable[[Path], Tables]) -> None:
    """Run a program of this folder: <program> <the source's file or folder> [results/published]."""
    raw, target = [*sys.argv[1:], "results/published"][:2]
    for name, rows in make_tables(Path(raw)).items():
        path = Path(target) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
