"""Who brought each record: from the history of the repository, never from a file's own words.

The author of the commit that first put a record's content at its path counts, in the order in which
commits reached the board's branch. A contributor's record thus stays one when a maintainer reverts
and restores it, or retracts it. A renamed file counts as added. Co-authors in a message do not
count, since they are free text, and neither do committers, since they merge what others wrote.

A commit's author is what the commit claims. The gate refuses commits from forks that claim an
address of the board.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compression_leaderboard.records.models import Maintainers
from compression_leaderboard.repository.files import Reader
from compression_leaderboard.repository.git import PastCommit, list_blobs, read_history
from compression_leaderboard.repository.specs import read_maintainers

MEASURED = "results/measured"
AddedBy = Literal["workflow", "maintainer", "contributor"]
# Whose measurement a figure is, from the least to the most that the board vouches for it.
MeasuredBy = Literal["contributor", "contributor, re-measured", "maintainer", "workflow"]


@dataclass(frozen=True)
class Addition:
    """How a record came to the board."""

    provenance: AddedBy  # by the author of the commit that first put its content there
    commit: str  # id of the commit, on the first-parent history, that brought it: often a merge


def read_provenance(
    root: Path, commit: str = "HEAD", maintainers: Maintainers | None = None
) -> dict[str, Addition]:
    """Read who added each record of a commit, by its path such as results/measured/….

    maintainers: by default those of runs/maintainers.toml below `root`.

    Takes three git calls, however many records there are. A record that is not in the dictionary is
    of unknown provenance: it is not committed, or the history is missing or incomplete.
    """
    if not (history := read_history(root, commit, MEASURED)):
        return {}
    maintainers = read_maintainers(Reader(root)) if maintainers is None else maintainers
    first: dict[tuple[str, str], Addition] = {}  # by path and content
    for past, brought_by in _arrivals(history):
        addition = Addition(added_by(past.author, maintainers), brought_by)
        for put in past.puts:
            earlier = [first[put.path, b] for b in put.before if (put.path, b) in first]
            first.setdefault((put.path, put.blob), _weakest([*earlier, addition]))
    blobs = list_blobs(root, commit, MEASURED)
    return {path: first[path, blob] for path, blob in blobs.items() if (path, blob) in first}


def added_by(email: str, maintainers: Maintainers) -> AddedBy:
    """Tell whose address it is. Only ASCII letters are alike in both cases."""
    if not email.isascii():
        return "contributor"
    if email.lower() in map(str.lower, maintainers.workflow):
        return "workflow"
    if email.lower() in map(str.lower, maintainers.maintainers):
        return "maintainer"
    return "contributor"


def _weakest(additions: Sequence[Addition]) -> Addition:
    """Return the first that is a contributor's, or else the first: an edit adds no trust."""
    contributed = [a for a in additions if a.provenance == "contributor"]
    return contributed[0] if contributed else additions[0]


def _arrivals(history: Sequence[PastCommit]) -> Iterator[tuple[PastCommit, str]]:
    """Yield each commit with the first-parent commit that brought it, in the order of arrival.

    history: parents first, so the last is the one whose history it is.
    """
    commits = {past.id: past for past in history}
    first_parents = [history[-1].id]
    while parents := commits[first_parents[-1]].parents:
        first_parents.append(parents[0])
    brought_by: dict[str, tuple[int, str]] = {}
    for number, arrival in enumerate(reversed(first_parents)):
        waiting = [arrival]
        while waiting:
            if (commit := waiting.pop()) not in brought_by:
                brought_by[commit] = number, arrival
                waiting += commits[commit].parents
    ordered = sorted(history, key=lambda past: brought_by[past.id][0])  # stable: parents first
    yield from ((past, brought_by[past.id][1]) for past in ordered)
