"""The job summary of a pull request, as Markdown in which no text of a stranger is markup."""

import math
from collections.abc import Sequence

from generator.intake.newcomer import Newcomer
from generator.records.base import Problem

MOST = 100  # problems shown; the annotations hold them all
UNSAFE = {ord(c): f"&#{ord(c)};" for c in "\\`*_{}[]()<>#+-.!|&~:@\"'$^=/%"}


def plain(text: object) -> str:
    """Text of a stranger: one line, every sign that Markdown or HTML could read as a number."""
    line = "".join(c if c.isprintable() else "�" for c in str(text))
    return line.translate(UNSAFE)


def summarise(
    problems: Sequence[Problem],
    newcomers: Sequence[Newcomer],
    changed: int,
) -> str:
    """The whole summary. changed: files of data that were looked at."""
    lines = ["## Pull request", ""]
    if problems:
        lines += [f"**{len(problems)} to repair**, all at once:", ""]
        lines += [f"- {plain(problem)}" for problem in problems[:MOST]]
        if len(problems) > MOST:
            lines.append(f"- … and {len(problems) - MOST} more, in the annotations")
    elif changed:
        lines.append(f"Nothing to repair in {changed} files of data.")
    else:
        lines.append("No models and no results are changed: nothing for this check to judge.")
    for newcomer in newcomers:
        lines += ["", *_section(newcomer)]
    return "\n".join(lines) + "\n"


def _section(newcomer: Newcomer) -> list[str]:
    lines = [f"### {plain(newcomer.model.title)}", ""]
    lines += [f"- Can it run: {plain(line)}" for line in newcomer.runs_here]
    lines.append(f"- Time: {plain(_time(newcomer))}")
    copies = ", ".join(newcomer.twins) or "none found"
    how = "by hash of the weights" if newcomer.hashes_known else "by pinned revision only"
    lines.append(f"- Same weights under another name: {plain(copies)} ({how})")
    return [*lines, *(f"- Place: {plain(line)}" for line in _places(newcomer))]


def _time(newcomer: Newcomer) -> str:
    known = [(e.seconds, e.seconds_factor) for e in newcomer.estimates if e.seconds is not None]
    if not newcomer.jobs:
        return "nothing to measure"
    if not known:
        return f"unknown for all {newcomer.jobs} jobs: no records of models of about this size"
    total = math.fsum(seconds for seconds, _ in known)
    worst = max((factor for _, factor in known if factor), default=None)
    error = f", within a factor of about {worst:.1f}" if worst else ""
    return (
        f"about {max(1, round(total / 60))} minutes{error}, for {len(known)} of {newcomer.jobs} "
        "jobs, without loading the weights"
    )


def _places(newcomer: Newcomer) -> list[str]:
    """The place of the nearest relative, which is what can be said before anything is measured."""
    if not newcomer.relatives:
        return ["no prediction: no model of its family is in the tables"]
    return [
        f"about {r.better + 1} of {r.rows + 1} in {r.table}, if it compresses like {r.name} of its "
        f"family ({r.parameters} parameters, {r.compression:.3f} {r.unit})"
        for r in newcomer.relatives
    ]
