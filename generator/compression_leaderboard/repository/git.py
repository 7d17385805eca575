"""Read a commit's runs/ and results/ through git, and compare two checkouts file by file."""

import os
import re
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import takewhile
from pathlib import Path
from typing import Literal

from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.repository.files import write_atomically

NO_DATE = "1970-01-01T00:00:00+00:00"
FOLDERS = (
    "runs",
    "results/measured",
    "results/rechecks",
    "results/published",
    "results/imported",
)


@dataclass(frozen=True)
class Commit:
    """A commit and its date (ISO 8601)."""

    id: str
    date: str


def read_commit(root: Path, reference: str) -> Commit:
    """Resolve a tag, branch or id to its commit in the repository at `root`."""
    command = ["log", "-1", "--format=%H %cI", "--end-of-options", reference, "--"]
    answer = _git(root, *command)
    if answer is None or not answer.strip():
        repair = "give a commit or tag of this repository, or the folder of a release"
        raise UserError([Problem(reference, "", "is neither a commit nor a folder", repair)])
    commit, date = answer.decode().split()
    return Commit(commit, date)


def current_commit(root: Path) -> Commit:
    """Return the commit of a checkout; outside a repository, one without an id."""
    try:
        return read_commit(root, "HEAD")
    except UserError:
        return Commit("unknown", NO_DATE)


def latest_release(root: Path, before: str) -> str | None:
    """Return the latest tag of a release among a commit's ancestors, or None."""
    command = ["describe", "--tags", "--abbrev=0", "--match", "data-*", f"{before}^"]
    answer = _git(root, *command)
    return answer.decode().strip() if answer else None


@dataclass(frozen=True)
class Put:
    """A commit puts content at a path. before: the content there in each parent that had some."""

    path: str  # relative to the folder that was asked about
    blob: str  # git's id of the content
    before: tuple[str, ...]


@dataclass(frozen=True)
class PastCommit:
    """A commit of the history, and what it put into one folder that no parent had."""

    id: str
    parents: tuple[str, ...]
    author: str  # e-mail address, as the commit has it
    committer: str
    puts: tuple[Put, ...] = ()


# Commits as they are, whatever a mailmap or a user's settings say. A format such as %ae would
# decode their headers, and one that claims to be in UTF-7 could hide any sign, even a NUL.
LOG = (
    *("log", "-z", "--topo-order", "--reverse", "--format=raw", "--encoding=none"),
    *("--no-notes", "--no-color", "--no-decorate", "--no-abbrev-commit", "--no-show-signature"),
    *("--full-history", "--sparse", "-c", "--raw", "--no-abbrev", "--no-renames", "--relative"),
)
PERSON = re.compile(r"\w+ [^<>]*<([^<>]*)>[^<>]*")
NO_BLOB = re.compile("0+")


def has_whole_history(root: Path) -> bool:
    """Whether there is a repository, and not a shallow clone."""
    return _git(root, "rev-parse", "--is-shallow-repository") == b"false\n"


def read_history(root: Path, commits: str, folder: str) -> list[PastCommit] | None:
    """List every commit of a range, parents first, with what it put into a folder of `root`.

    None: there is no repository, it lacks part of its history, or the range is unknown in it.
    """
    if not has_whole_history(root):
        return None
    answer = _git(root, *LOG, "--end-of-options", commits, "--", folder)
    if answer is None:
        return None
    return list(_commits(iter(answer.decode("utf-8", "surrogateescape").split("\0"))))


def read_proposed(base: Path, head: Path) -> list[PastCommit] | None:
    """List the commits of a checkout that the commit of another lacks, those behind merges too.

    The merge with which a forge tests a pull request is left out: it is not what gets merged.
    None: one has no git, or `head` lacks part of its history or the commit of `base`.
    """
    start = current_commit(base).id
    parents = (_git(head, "log", "-1", "--format=%P") or b"").decode().split()
    end = parents[1] if len(parents) == 2 and parents[0] == start else "HEAD"
    return read_history(head, f"{start}..{end}", ".")


def _commits(fields: Iterator[str]) -> Iterator[PastCommit]:
    """Parse the output of LOG: header and message, then a line and a path for each put.

    The first line is in the field of the message, whose own lines are indented.
    """
    commit: PastCommit | None = None
    puts: list[Put] = []
    for field in fields:
        lines = field.strip("\n").split("\n")
        if lines[0].startswith("commit "):
            if commit is not None:
                yield replace(commit, puts=tuple(puts))
            commit, puts = _commit(lines), []
        if lines[-1].startswith(":"):
            puts += _puts(lines[-1], next(fields))
    if commit is not None:
        yield replace(commit, puts=tuple(puts))


def _commit(text: Sequence[str]) -> PastCommit:
    """Parse a commit. An empty line ends its header, which has the parents first."""
    commit, _, *header = takewhile(bool, text)
    parents = takewhile(lambda line: line.startswith("parent "), header)
    return PastCommit(
        commit.removeprefix("commit "),
        tuple(parent.removeprefix("parent ") for parent in parents),
        _email("author", header),
        _email("committer", header),
    )


def _email(role: str, lines: Sequence[str]) -> str:
    """Return the address of a role; "" if there is not exactly one, in its usual place."""
    people = [line for line in lines if line.startswith(f"{role} ")]
    person = PERSON.fullmatch(people[0]) if len(people) == 1 else None
    return person[1] if person else ""


def _puts(line: str, path: str) -> Iterator[Put]:
    """Parse a line of `git log --raw`: modes before and after, ids of the same, status.

    It has one colon for each parent. A removed path is put nowhere.
    """
    parents = len(line) - len(line.lstrip(":"))
    *before, blob = line.lstrip(":").split(" ")[parents + 1 : 2 * parents + 2]
    if not NO_BLOB.fullmatch(blob):
        yield Put(path, blob, tuple(old for old in before if not NO_BLOB.fullmatch(old)))


def list_blobs(root: Path, commit: str, folder: str) -> dict[str, str]:
    """List git's id of the content of every file below a folder, by path below `root`."""
    answer = _git(root, "ls-tree", "-r", "-z", commit, "--", folder) or b""
    lines = answer.decode("utf-8", "surrogateescape").split("\0")
    entries = (line.partition("\t") for line in lines if line)
    return {path: described.split(" ")[2] for described, _, path in entries}


@contextmanager
def checked_out(root: Path, commit: str) -> Iterator[Path]:
    """Yield a temporary folder with runs/ and results/ as they were in the commit."""
    listed = (_git(root, "ls-tree", "--name-only", commit, "--", *FOLDERS) or b"").decode().split()
    with tempfile.TemporaryDirectory(prefix="leaderboard-") as folder:
        if listed:
            archive = _git(root, "archive", "--format=zip", "-0", commit, "--", *listed)
            assert archive is not None  # the commit and its folders were just listed
            # zipfile writes plain files inside the folder only; tarfile, since Python 3.11.4.
            with zipfile.ZipFile(BytesIO(archive)) as files:
                files.extractall(folder)
        yield Path(folder)


def read_files(folder: Path) -> dict[str, bytes]:
    """Read the files of runs/ and results/ below a folder, by path."""
    paths = [path for name in FOLDERS for path in sorted((folder / name).rglob("*"))]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths if p.is_file()}


def write_release(folder: Path, files: dict[str, bytes], archive: bytes) -> bool:
    """Write a release and its archive, unless they exist; return whether they are new."""
    packed = folder.with_name(f"{folder.name}.tar.gz")
    if folder.exists() or packed.exists():
        same = packed.is_file() and packed.read_bytes() == archive
        if not same or any((folder / p).read_bytes() != c for p, c in files.items()):
            wrong = "exists already, with other content"
            repair = "releases never change: commit and release on another day, or move it away"
            raise UserError([Problem(str(folder), "", wrong, repair)])
        return False
    for path, content in files.items():
        write_atomically(folder / path, content)
    write_atomically(packed, archive)
    return True


def _git(root: Path, *arguments: str) -> bytes | None:
    """Return what git prints, or None if it fails. Raises UserError where there is no git."""
    command = ["git", "-C", str(root), "--no-replace-objects", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise UserError([Problem("git", "", "is not installed", "install it")]) from error
    return done.stdout if done.returncode == 0 else None


# Of the base alone, where the validator runs; a model or an organisation may have such a name.
LEFT_OVERS = re.compile(
    r"(?!runs/|results/)(.*/)?(build|\.venv|__pycache__|\.\w+_cache|\.hypothesis|[^/]*\.egg-info)"
    r"|results/local"
)


@dataclass(frozen=True)
class Entry:
    """A file as git keeps it; a folder only if it is empty, as a submodule is."""

    kind: Literal["file", "link", "folder", "other"]
    executable: bool = False
    size: int = 0  # bytes


@dataclass(frozen=True)
class Change:
    """A path that differs. before or after None: it does not exist."""

    path: str  # relative, with slashes
    before: Entry | None
    after: Entry | None


def compare_trees(base: Path, head: Path) -> list[Change]:
    """List every path that was added, removed or changed, in order. head: a clean checkout."""
    for folder in (base, head):
        if not folder.is_dir():
            raise UserError([Problem(str(folder), "", "is not a folder", "give a checkout")])
    before, after = _list_tree(base, LEFT_OVERS), _list_tree(head)
    changes = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old != new or not _same(base / path, head / path, old):
            changes.append(Change(path, old, new))
    return changes


def _list_tree(folder: Path, ignored: re.Pattern[str] | None = None) -> dict[str, Entry]:
    """List a checkout by path, without git's own folder and the paths that are ignored."""
    listed: dict[str, Entry] = {}
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        entries = [e for e in os.scandir(place) if (place, e.name) != (folder, ".git")]
        if not entries and place != folder:
            listed[place.relative_to(folder).as_posix()] = Entry("folder")
        for entry in entries:
            path = Path(entry.path).relative_to(folder).as_posix()
            if ignored is not None and ignored.fullmatch(path):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            else:
                listed[path] = _describe(entry.stat(follow_symlinks=False))
    return listed


def _describe(status: os.stat_result) -> Entry:
    if stat.S_ISLNK(status.st_mode):
        return Entry("link")
    if not stat.S_ISREG(status.st_mode):
        return Entry("other")
    return Entry("file", bool(status.st_mode & stat.S_IXUSR), status.st_size)


def _same(before: Path, after: Path, entry: Entry | None) -> bool:
    """Tell whether two paths with equal entries have equal content."""
    if entry is None or entry.kind == "folder":
        return True
    if entry.kind == "link":
        return os.readlink(before) == os.readlink(after)
    return entry.kind == "file" and before.read_bytes() == after.read_bytes()


@contextmanager
def overlaid(base: Path, head: Path, fit: Iterable[Change]) -> Iterator[Path]:
    """Yield a temporary folder with runs/ and results/ of the base and the changes fit to be read.

    Specs name no file elsewhere. So whatever is read there is a plain file whose size was checked
    before.
    """
    with tempfile.TemporaryDirectory(prefix="leaderboard-") as name:
        folder = Path(name)
        for part in ("runs", "results"):
            if (base / part).is_dir():
                shutil.copytree(base / part, folder / part, symlinks=True)
        for change in sorted(fit, key=lambda c: c.after is not None):  # removals come first
            place = folder / change.path
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
            if change.after is not None:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(head / change.path, place, follow_symlinks=False)
        yield folder
