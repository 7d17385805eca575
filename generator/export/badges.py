"""Badges: a small JSON file for each, in the form that shields.io's `endpoint` badge reads."""

from generator.export.board import Board
from generator.export.package import as_json
from generator.tables.cohorts import Cohort

COLOR = "#3f51b5"


def export_badges(board: Board) -> dict[str, bytes]:
    """Files by path: bits per byte of each text, and the rank range, of every measured model."""
    files: dict[str, bytes] = {}
    for cohort in board.cohorts:
        if cohort.provenance != "measured":
            continue
        for row in cohort.rows.to_dict("records"):
            for name, content in _badges(cohort, {str(k): v for k, v in row.items()}).items():
                # A model in several number formats or cohorts: the first one of the board stands.
                files.setdefault(f"badges/{row['model']}/{name}.json", as_json(content))
    return files


def _badges(cohort: Cohort, row: dict[str, object]) -> dict[str, dict[str, object]]:
    found = {}
    for column in cohort.compression:
        value = row[column.name]
        if isinstance(value, float) and value == value:
            shown = f"{value:.3f} bits/byte"
            found[f"bits-per-byte-{column.name}"] = _badge(column.label, shown)
    low, high = row.get("rank_low"), row.get("rank_high")
    if isinstance(low, float) and isinstance(high, float) and low == low and high == high:
        rank = f"{low:.0f}" if low == high else f"{low:.0f}–{high:.0f}"
        found["rank"] = _badge("compression rank", f"{rank} of {len(cohort.rows)}")
    return found


def _badge(label: str, message: str) -> dict[str, object]:
    return {"schemaVersion": 1, "label": label, "message": message, "color": COLOR}
