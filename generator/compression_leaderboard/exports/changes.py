"""What changed between two boards: new, removed, and moved beyond noise."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.derived import compare_bits, main_score
from compression_leaderboard.board.figures import Key
from compression_leaderboard.fits.studied_board import StudiedBoard
from compression_leaderboard.intervals import normal_quantile
from compression_leaderboard.records.results import Lossless, Result


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
class Move:
    """How a figure changed. noise: half the 95 % interval of the difference; None: unknown."""

    source: str  # "measured", or the published source
    model: str
    revision: str  # "" for published figures
    dtype: str
    figure: str
    unit: str
    before: float
    after: float
    noise: float | None

    @property
    def beyond_noise(self) -> bool:
        """Without a known error every change counts."""
        return self.noise is None or abs(self.after - self.before) > self.noise


def read_figures(board: StudiedBoard) -> dict[Subject, Reading]:
    """Every figure that counts: final weights and checkpoints, and what others published."""
    found: dict[Subject, Reading] = {}
    for entry in board.current:
        result = entry.result
        whose = ("measured", result.model, result.revision, str(result.environment.dtype))
        for key, reading in readings_of(result):
            found[Subject(*whose, key)] = reading
    for cohort in board.cohorts:
        if cohort.provenance == "published":
            found |= dict(_published(cohort))
    return found


def readings_of(result: Result) -> Iterator[tuple[Key, Reading]]:
    """The figures of one record. Keys of texts have no protocol: `_methods` says what changed."""
    if result.lossless is not None:
        rate = result.lossless.bits_per_byte
        yield Key("compression", result.name), Reading(rate, "bits/byte", lossless=result.lossless)
    for task in result.tasks:
        value, stderr, _ = main_score(task)
        yield Key("score", task.task.task, result.name), Reading(value, "fraction", stderr)


def _published(cohort: Cohort) -> Iterator[tuple[Subject, Reading]]:
    for column in (*cohort.compression, *cohort.scores):
        for row in cohort.rows:
            if (value := row.value(column.key)) is not None:
                subject = Subject(cohort.name, row.model, "", "", column.key)
                yield subject, Reading(value, column.unit)


def move(subject: Subject, before: Reading, after: Reading) -> Move:
    """From one reading to the next of the same figure."""
    return Move(
        source=subject.source,
        model=subject.model,
        revision=subject.revision,
        dtype=subject.dtype,
        figure=subject.key.name,
        unit=after.unit,
        before=before.value,
        after=after.value,
        noise=_noise(before, after),
    )


def _noise(before: Reading, after: Reading) -> float | None:
    """Bits on the same documents are compared in pairs; scores as independent samples."""
    if before.lossless is not None and after.lossless is not None:
        compared = compare_bits(after.lossless, before.lossless)
        return None if compared is None else compared[1].high - compared[0]
    if before.stderr is None or after.stderr is None:
        return None
    return normal_quantile() * math.hypot(before.stderr, after.stderr)


@dataclass(frozen=True)
class Figure:
    """A figure that only one of the two boards has."""

    source: str
    model: str
    revision: str
    dtype: str
    figure: str
    unit: str
    value: float


@dataclass(frozen=True)
class Changes:
    """From one board to a later one; all lists in order of source, model and figure."""

    before: str  # as its reader calls it: a commit, a tag, a folder
    after: str
    new_models: tuple[str, ...]
    removed_models: tuple[str, ...]
    new: tuple[Figure, ...]
    removed: tuple[Figure, ...]
    moved: tuple[Move, ...]  # beyond noise, or of unknown noise
    within_noise: tuple[Move, ...]
    methods: tuple[str, ...]  # suites and texts whose tasks or protocol changed

    @property
    def is_empty(self) -> bool:
        return not (self.new or self.removed or self.moved or self.within_noise or self.methods)


def compare_boards(before: tuple[str, StudiedBoard], after: tuple[str, StudiedBoard]) -> Changes:
    """before, after: what the reader calls them, and the boards."""
    old, new = read_figures(before[1]), read_figures(after[1])
    moves = [
        move(key, old[key], new[key])
        for key in sorted(set(old) & set(new))
        if old[key].value != new[key].value
    ]
    old_models, new_models = {_shown(key) for key in old}, {_shown(key) for key in new}
    return Changes(
        before=before[0],
        after=after[0],
        new_models=tuple(sorted(new_models - old_models)),
        removed_models=tuple(sorted(old_models - new_models)),
        new=_only(new, old),
        removed=_only(old, new),
        moved=tuple(one for one in moves if one.beyond_noise),
        within_noise=tuple(one for one in moves if not one.beyond_noise),
        methods=tuple(_methods(before[1], after[1])),
    )


def _shown(subject: Subject) -> str:
    source, model = subject[:2]
    return model if source == "measured" else f"{model} ({source})"


def _only(figures: dict[Subject, Reading], others: dict[Subject, Reading]) -> tuple[Figure, ...]:
    keys = sorted(set(figures) - set(others))
    return tuple(
        Figure(*key[:4], key.key.name, figures[key].unit, figures[key].value) for key in keys
    )


def _methods(old: StudiedBoard, new: StudiedBoard) -> list[str]:
    """Texts, pairs and suites that both boards have, under other rules."""
    found = []
    for name in sorted(set(old.specs.suites) & set(new.specs.suites)):
        if old.specs.suites[name].tasks != new.specs.suites[name].tasks:
            found.append(f"suite {name}: its tasks changed")
    for name in sorted(set(old.specs.corpora) & set(new.specs.corpora)):
        one, other = old.specs.corpora[name], new.specs.corpora[name]
        if one.sha256 != other.sha256:
            found.append(f"text {name}: the text itself changed")
        elif one.protocol != other.protocol:
            found.append(f"text {name}: its protocol changed")
    for name in sorted(set(old.specs.preferences) & set(new.specs.preferences)):
        if old.specs.preferences[name].protocol != new.specs.preferences[name].protocol:
            found.append(f"pairs {name}: their protocol changed")
    return found


def changes_json(changes: Changes) -> dict[str, object]:
    """Full precision, for programs."""
    return asdict(changes)


def changes_text(changes: Changes) -> str:
    """For a terminal: a line a change."""
    lines = [f"{changes.before} → {changes.after}"]
    if changes.is_empty:
        lines.append("nothing changed")
    lines += [f"method  {text}" for text in changes.methods]
    lines += [f"model + {name}" for name in changes.new_models]
    lines += [f"model - {name}" for name in changes.removed_models]
    lines += [f"moved   {_moved(one)}" for one in changes.moved]
    lines += [f"noise   {_moved(one)}" for one in changes.within_noise]
    lines += [f"new     {_figure(one)}" for one in changes.new]
    lines += [f"removed {_figure(one)}" for one in changes.removed]
    return "\n".join(lines) + "\n"


LISTED = 50  # items of a list in Markdown; text and JSON have all


def changes_markdown(changes: Changes) -> str:
    """For a changelog or a pull request: counts first, then lists of at most 50 lines."""
    lines = [f"### Changes of the data: {_code(changes.before)} → {_code(changes.after)}", ""]
    if changes.is_empty:
        return "\n".join([*lines, "Nothing changed.", ""])
    sections: list[tuple[str, Sequence[str]]] = [
        ("Method", changes.methods),
        ("New models", changes.new_models),
        ("Removed models", changes.removed_models),
        ("Moved beyond noise", [_moved(one) for one in changes.moved]),
        ("Changed within noise", [_moved(one) for one in changes.within_noise]),
        ("New figures", [_figure(one) for one in changes.new]),
        ("Removed figures", [_figure(one) for one in changes.removed]),
    ]
    for title, items in sections:
        if items:
            lines += [f"**{title}** ({len(items)})", ""]
            lines += [f"- {_code(item)}" for item in items[:LISTED]]
            if len(items) > LISTED:
                lines.append(f"- … and {len(items) - LISTED} more")
            lines.append("")
    return "\n".join(lines)


def _moved(one: Move) -> str:
    noise = "noise unknown" if one.noise is None else f"noise ±{one.noise:.2g}"
    difference = f"{one.after - one.before:+.3g}"
    return f"{_name(one)}: {one.before:.6g} → {one.after:.6g} {one.unit} ({difference}, {noise})"


def _figure(one: Figure) -> str:
    return f"{_name(one)}: {one.value:.6g} {one.unit}"


def _name(one: Move | Figure) -> str:
    """Model, revision and text or benchmark, in a line."""
    parts = [one.model] if one.source == "measured" else [one.model, f"({one.source})"]
    if one.revision:
        parts.append(f"@{one.revision.removeprefix('sha256-')[:8]}")
    return " ".join([*parts, one.figure])


def _code(text: str) -> str:
    """Any text as a piece of code: nothing in it is markup, a mention or a line end."""
    plain = "".join(c if c.isprintable() else " " for c in text).replace("`", "'")
    return f"`{plain}`"
