"""Badges: a small JSON file for each, in the form that shields.io's `endpoint` badge reads."""

from collections.abc import Iterator

from generator.export.board import Board
from generator.export.package import as_json
from generator.fits.intervals import LEVELS
from generator.fits.table import MEAN
from generator.tables.cohorts import Cohort

COLOR = "#3f51b5"
Badge = dict[str, object]


def export_badges(board: Board) -> dict[str, bytes]:
    """Files by path, for every measured model: bits per byte of each text, the rank range, and
    the predicted mean score where there is one."""
    files: dict[str, bytes] = {}
    for cohort in board.cohorts:
        if cohort.provenance == "measured":
            for model, name, badge in (*_measured(cohort), *_predicted(board, cohort)):
                # A model in several number formats or cohorts: the first one of the board stands.
                files.setdefault(f"badges/{model}/{name}.json", as_json(badge))
    return files


def _measured(cohort: Cohort) -> Iterator[tuple[str, str, Badge]]:
    """Model, name and content of each badge."""
    for row in cohort.rows.to_dict("records"):
        model = str(row["model"])
        for column in cohort.compression:
            if row[column.name] == row[column.name]:  # known
                shown = f"{row[column.name]:.3f} bits/byte"
                yield model, f"bits-per-byte-{column.name}", _badge(column.label, shown)
        low, high = row.get("rank_low"), row.get("rank_high")
        if low is not None and high is not None and low == low:
            rank = f"{low:.0f}" if low == high else f"{low:.0f}–{high:.0f}"
            yield model, "rank", _badge("compression rank", f"{rank} of {len(cohort.rows)}")


def _predicted(board: Board, cohort: Cohort) -> Iterator[tuple[str, str, Badge]]:
    study = board.evidence[cohort.name].study.of(MEAN)
    for found in study.predictions if study is not None else ():
        low, high = (100 * end for end in found.intervals[LEVELS.index(0.95)])
        shown = f"{100 * found.value:.1f} % ({low:.0f}–{high:.0f})"
        yield found.model, "predicted-score", _badge("predicted score", shown)


def _badge(label: str, message: str) -> Badge:
    return {"schemaVersion": 1, "label": label, "message": message, "color": COLOR}
