"""A board with its fits: what the site and the exports are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from compression_leaderboard.board.board import RecordBoard, make_board
from compression_leaderboard.fits.findings import Study
from compression_leaderboard.fits.predict import Calibration, calibrate
from compression_leaderboard.fits.study import Evidence, weigh_evidence
from compression_leaderboard.repository.contents import Contents
from compression_leaderboard.repository.git import Commit


@dataclass(frozen=True)
class StudiedBoard(RecordBoard):
    """A board, what compression tells in each of its cohorts, and how logged predictions fared."""

    evidence: Mapping[str, Evidence]  # by name of the cohort
    calibration: Calibration  # of the ledger of predictions

    @property
    def studies(self) -> dict[str, Study]:
        return {name: evidence.study for name, evidence in self.evidence.items()}


def derive_board(contents: Contents, commit: Commit) -> StudiedBoard:
    """Derive tables, fits and comparisons from what was read."""
    board = make_board(contents, commit)
    return StudiedBoard(
        **{field.name: getattr(board, field.name) for field in fields(board)},
        evidence={cohort.name: weigh_evidence(cohort) for cohort in board.cohorts},
        calibration=calibrate(contents.ledger, board.cohorts),
    )
