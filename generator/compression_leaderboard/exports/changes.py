"""What changed between two boards: new, removed, and moved beyond noise."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple, TypeVar

from compression_leaderboard.board.derived import compare_bits, main_score
from compression_leaderboard.board.figures import Key
from compression_leaderboard.fits.study import StudiedBoard
from compression_leaderboard.intervals import normal_quantile
from compression_leaderboard.records.results import Lossless, Result
from compression_leaderboard.wording import as_code

Name = TypeVar("Name", str, "Subject")
Item = TypeVar("Item")


class Subject(NamedTuple):
    """Whose figure it is, and of what."""

    source: str  # "measured", or the published source
    model: str
    revision: str  # "" for published figures
    dtype: str
    key: Key


@dataclass(frozen=True)
class Reading:
    """One figure: bits per byte with its documents, or a score with its standard error."""

    value: float
    unit: str
    stderr: float | None = None
    lossless: Lossless | None = None


@dataclass(frozen=True)
class Change:
    """A figure, whose it is, and of what."""

    source: str  # "measured", or the published source
    model: str
    revision: str  # "" for published figures
    dtype: str
    figure: str
    unit: str

    @property
    def name(self) -> str:
        """Model, revision and text or benchmark, in a line."""
        parts = [_owner(self.source, self.model)]
        if self.revision:
            parts.append(f"@{self.revision.removeprefix('sha256-')[:8]}")
        return " ".join([*parts, self.figure])


@dataclass(frozen=True)
class Single(Change):
    """A figure that only one of the two boards has."""

    value: float

    def __str__(self) -> str:
        return f"{self.name}: {self.value:.6g} {self.unit}"


@dataclass(frozen=True)
class Move(Change):
    """How a figure changed. noise: half the 95 % interval of the difference; None: unknown."""

    before: float
    after: float
    noise: float | None

    @property
    def beyond_noise(self) -> bool:
        """Whether the change is larger than the noise. Without a known error every change is."""
        return self.noise is None or abs(self.after - self.before) > self.noise

    def __str__(self) -> str:
        noise = "noise unknown" if self.noise is None else f"noise ±{self.noise:.2g}"
        change = f"{self.before:.6g} → {self.after:.6g} {self.unit}"
        return f"{self.name}: {change} ({self.after - self.before:+.3g}, {noise})"


def _owner(source: str, model: str) -> str:
    return model if source == "measured" else f"{model} ({source})"


def collect_figures(board: StudiedBoard) -> dict[Subject, Reading]:
    """Collect every figure that counts: of final weights, checkpoints and published models."""
    figures: dict[Subject, Reading] = {}
    for result in (entry.result for entry in board.current):
        dtype = str(result.environment.dtype)
        for key, reading in readings_of(result):
            figures[Subject("measured", result.model, result.revision, dtype, key)] = reading
    for cohort in board.cohorts:
        if cohort.provenance == "published":
            for column in (*cohort.compression, *cohort.scores):
                for row in cohort.rows:
                    if (value := row.value(column.key)) is not None:
                        subject = Subject(cohort.name, row.model, "", "", column.key)
                        figures[subject] = Reading(value, column.unit)
    return figures


def readings_of(result: Result) -> Iterator[tuple[Key, Reading]]:
    """Yield the figures of a record. Texts' keys lack the protocol: its change is one of method."""
    if result.lossless is not None:
        rate = result.lossless.bits_per_byte
        yield Key("compression", result.name), Reading(rate, "bits/byte", lossless=result.lossless)
    for task in result.tasks:
        value, stderr, _ = main_score(task)
        yield Key("score", task.task.task, result.name), Reading(value, "fraction", stderr)


def move(subject: Subject, before: Reading, after: Reading) -> Move:
    """Compare two readings of the same figure."""
    noise = _noise(before, after)
    return Move(*subject[:4], subject.key.name, after.unit, before.value, after.value, noise)


def _noise(before: Reading, after: Reading) -> float | None:
    """Bits on the same documents are compared in pairs; scores as independent samples."""
    if before.lossless is not None and after.lossless is not None:
        compared = compare_bits(after.lossless, before.lossless)
        return None if compared is None else compared[1].high - compared[0]
    if before.stderr is None or after.stderr is None:
        return None
    return normal_quantile() * math.hypot(before.stderr, after.stderr)


@dataclass(frozen=True)
class Changes:
    """From one board to a later one; all lists in order of source, model and figure."""

    before: str  # as its reader calls it: a commit, a tag, a folder
    after: str
    new_models: tuple[str, ...]
    removed_models: tuple[str, ...]
    new: tuple[Single, ...]
    removed: tuple[Single, ...]
    moved: tuple[Move, ...]  # beyond noise, or of unknown noise
    within_noise: tuple[Move, ...]
    methods: tuple[str, ...]  # suites and texts whose tasks or protocol changed

    @property
    def sections(self) -> list[tuple[str, str, Sequence[object]]]:
        """A word, a title and the items of each list that is not empty."""
        sections: list[tuple[str, str, Sequence[object]]] = [
            ("method", "Method", self.methods),
            ("model +", "New models", self.new_models),
            ("model -", "Removed models", self.removed_models),
            ("moved", "Moved beyond noise", self.moved),
            ("noise", "Changed within noise", self.within_noise),
            ("new", "New figures", self.new),
            ("removed", "Removed figures", self.removed),
        ]
        return [section for section in sections if section[2]]


def compare_boards(before: tuple[str, StudiedBoard], after: tuple[str, StudiedBoard]) -> Changes:
    """Compare two boards, each with what its reader calls it."""
    old, new = collect_figures(before[1]), collect_figures(after[1])
    moves = [
        move(subject, reading, other)
        for subject, reading, other in _common(old, new)
        if reading.value != other.value
    ]
    old_models = {_owner(*subject[:2]) for subject in old}
    new_models = {_owner(*subject[:2]) for subject in new}
    return Changes(
        before=before[0],
        after=after[0],
        new_models=tuple(sorted(new_models - old_models)),
        removed_models=tuple(sorted(old_models - new_models)),
        new=_only(new, old),
        removed=_only(old, new),
        moved=tuple(change for change in moves if change.beyond_noise),
        within_noise=tuple(change for change in moves if not change.beyond_noise),
        methods=tuple(_methods(before[1], after[1])),
    )


def _common(
    old: Mapping[Name, Item], new: Mapping[Name, Item]
) -> Iterator[tuple[Name, Item, Item]]:
    for name in sorted(old.keys() & new.keys()):
        yield name, old[name], new[name]


def _only(
    figures: Mapping[Subject, Reading], others: Mapping[Subject, Reading]
) -> tuple[Single, ...]:
    return tuple(
        Single(*subject[:4], subject.key.name, figures[subject].unit, figures[subject].value)
        for subject in sorted(figures.keys() - others.keys())
    )


def _methods(old: StudiedBoard, new: StudiedBoard) -> Iterator[str]:
    """Name the suites, texts and pairs that both boards have, under other rules."""
    for name, suite, other_suite in _common(old.specs.suites, new.specs.suites):
        if suite.tasks != other_suite.tasks:
            yield f"suite {name}: its tasks changed"
    for name, corpus, other in _common(old.specs.corpora, new.specs.corpora):
        if corpus.sha256 != other.sha256:
            yield f"text {name}: the text itself changed"
        elif corpus.protocol != other.protocol:
            yield f"text {name}: its protocol changed"
    for name, pairs, other_pairs in _common(old.specs.preferences, new.specs.preferences):
        if pairs.protocol != other_pairs.protocol:
            yield f"pairs {name}: their protocol changed"


def changes_json(changes: Changes) -> dict[str, object]:
    """Return the changes with full precision, for programs."""
    return asdict(changes)


def changes_text(changes: Changes) -> str:
    """Write a line per change, for a terminal."""
    lines = [f"{word:7} {item}" for word, _, items in changes.sections for item in items]
    return "\n".join([f"{changes.before} → {changes.after}", *(lines or ["nothing changed"]), ""])


LISTED = 50  # items of a list in Markdown; text and JSON have all


def changes_markdown(changes: Changes) -> str:
    """Write counts and lists of at most 50 lines, for a changelog or a pull request."""
    lines = [f"### Changes of the data: {as_code(changes.before)} → {as_code(changes.after)}", ""]
    for _, title, items in changes.sections:
        lines += [f"**{title}** ({len(items)})", ""]
        lines += [f"- {as_code(item)}" for item in items[:LISTED]]
        if len(items) > LISTED:
            lines.append(f"- … and {len(items) - LISTED} more")
        lines.append("")
    return "\n".join(lines if changes.sections else [*lines, "Nothing changed.", ""])
