"""The job summary of a pull request, and inline annotations for GitHub."""

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from compression_leaderboard.records.base import Problem
from compression_leaderboard.wording import counted

if TYPE_CHECKING:  # the cohorts behind a newcomer need scipy, and `leaderboard --help` does not
    from compression_leaderboard.gate.new_model import Newcomer

LINE = re.compile(r"\(at line (\d+)|^line (\d+)")
MOST = 100  # problems shown; the annotations have them all
UNSAFE = {ord(c): f"&#{ord(c)};" for c in "\\`*_{}[]()<>#+-.!|&~:@\"'$^=/%"}


def annotation(problem: Problem, text: str | None) -> str:
    """Write a problem as a workflow command. text: of its file; None if it was not read."""
    file = _escape(problem.file).replace(":", "%3A").replace(",", "%2C")
    line = _line_of(problem, text)
    return f"::error file={file},line={line},title={file}::{_escape(str(problem))}"


def _escape(text: str) -> str:
    """Escape line ends, after which a new workflow command would begin."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _line_of(problem: Problem, text: str | None) -> int:
    """Find the line of a problem's field in its file; 1 where it is not known."""
    if stated := LINE.search(problem.field) or LINE.search(problem.wrong):
        return int(stated[1] or stated[2])
    if text is None or not problem.field:
        return 1
    line = 0
    lines = text.split("\n")
    for part in problem.field.split("."):
        pattern = re.compile(rf'\s*(\[\[?{re.escape(part)}\]|"?{re.escape(part)}"?\s*[=:])')
        first = line if part != "weights" else 0
        line = next((n for n in range(first, len(lines)) if pattern.match(lines[n])), line)
    return line + 1


def summarise(problems: Sequence[Problem], newcomers: Sequence["Newcomer"], changed: int) -> str:
    """Write the job summary in Markdown. changed: how many files of data were judged."""
    lines = ["## Pull request", ""]
    if problems:
        lines += [f"**{counted(len(problems), 'problem')} to fix**, all at once:", ""]
        lines += [f"- {plain(problem)}" for problem in problems[:MOST]]
        if len(problems) > MOST:
            lines.append(f"- … and {len(problems) - MOST} more, in the annotations")
    elif changed:
        lines.append(f"Nothing to fix in {counted(changed, 'file')} of data.")
    else:
        lines.append("No models and no results are changed: nothing for this check to judge.")
    for newcomer in newcomers:
        lines += ["", *_section(newcomer)]
    return "\n".join(lines) + "\n"


def plain(text: object) -> str:
    """Escape a stranger's text: one line, with no sign that Markdown or HTML could interpret."""
    line = "".join(c if c.isprintable() else "�" for c in str(text))
    return line.translate(UNSAFE)


def _section(newcomer: "Newcomer") -> list[str]:
    copies = ", ".join(newcomer.hub.twins) or "none found"
    how = "by hash of the weights" if newcomer.hub.hashes_known else "by pinned revision only"
    return [
        f"### {plain(newcomer.model.title)}",
        "",
        *(f"- Can it run: {plain(line)}" for line in newcomer.hub.lines),
        f"- Time: {plain(_time(newcomer))}",
        f"- Same weights under another name: {plain(copies)} ({how})",
        *(f"- Place: {plain(line)}" for line in _places(newcomer)),
    ]


def _time(newcomer: "Newcomer") -> str:
    jobs = counted(len(newcomer.estimates), "job")
    known = [(e.seconds, e.seconds_factor) for e in newcomer.estimates if e.seconds is not None]
    if not newcomer.estimates:
        return "nothing to measure"
    if not known:
        return f"unknown for {jobs}: no records of models of about this size"
    minutes = max(1, round(math.fsum(seconds for seconds, _ in known) / 60))
    worst = max((factor for _, factor in known if factor), default=None)
    error = f", within a factor of about {worst:.1f}" if worst else ""
    return (
        f"about {counted(minutes, 'minute')}{error}, for {len(known)} of {jobs}, "
        "without loading the weights"
    )


def _places(newcomer: "Newcomer") -> list[str]:
    """The rank of the nearest relative, all that can be said before anything is measured."""
    if not newcomer.relatives:
        return ["no prediction: no model of its family is in the tables"]
    return [
        f"about {r.better + 1} of {r.rows + 1} in {r.table}, if it compresses like {r.name} of its "
        f"family ({r.parameters} parameters, {r.compression:.3f} {r.unit})"
        for r in newcomer.relatives
    ]
