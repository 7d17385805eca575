"""Rows of a published table as numbers, and the address of each model's page."""

import hashlib
import math
import re

from compression_leaderboard.records.published import PublishedSource
from compression_leaderboard.repository.published import PublishedTable

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,120}")


def published_rows(table: PublishedTable) -> list[dict[str, object]]:
    """One row a model: texts as they are, numbers as floats, an empty cell as None."""
    source = table.source
    rows = []
    for cells in table.rows:
        row: dict[str, object] = {
            "model": cells[source.key],
            "name": cells[source.key],
            "family": cells[source.group],
        }
        for name, column in _numeric(source).items():
            row[name] = float(cells[column]) if column and cells[column] else None
        for score in source.scores:
            row[f"{score.column}_stderr"] = _standard_error(row[score.column], score.items)
        rows.append(row)
    return rows


def _standard_error(score: object, items: int | None) -> float | None:
    """Binomial, of a fraction of `items` right answers.

    None where their number is not known, and where none or all are right: there the formula says
    0, which no finite test shows.
    """
    if not isinstance(score, float) or items is None or score in (0, 1):
        return None
    return math.sqrt(score * (1 - score) / items)


def page_of(source: str, key: str) -> str:
    """Address of a published model's page, made of safe characters whatever the key holds.

    A key that had to be changed gets a hash of the original, so that two keys never meet.
    """
    plain = key.replace("/", "__")
    if not PLAIN.fullmatch(plain) or "__" in key:
        digest = hashlib.sha256(key.encode()).hexdigest()[:8]
        plain = f"{re.sub(r'[^A-Za-z0-9]+', '-', plain).strip('-')[:80]}-{digest}".lstrip("-")
    return f"published/{source}/{plain}/"


def _numeric(source: PublishedSource) -> dict[str, str | None]:
    """Names of a cohort's numeric columns and where the source has them."""
    names = [c.column for c in source.compression] + [s.column for s in source.scores]
    return {
        "parameters": source.parameters,
        "training_tokens": source.training_tokens,
        "training_flop": source.training_compute,
        **({"compression": source.average} if source.average else {}),
        **{name: name for name in names},
    }
