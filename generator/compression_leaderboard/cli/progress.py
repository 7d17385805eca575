"""Progress on stderr: bars on a terminal, else a line now and then.

Nothing slow is imported here, so that progress begins before commands import what they need.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, TaskID

if TYPE_CHECKING:
    from compression_leaderboard.measure.machine import Report

FIRST_LINE_SECONDS = 1.0  # until the first line of progress, where no terminal shows bars
LINE_SECONDS = 6.0  # between two lines of a command that a person waits for
MINUTE = 60.0  # between two lines of a run of hours


class Lines(Progress):
    """Print the newest bar as a line on stderr now and then, where no terminal shows it."""

    def __init__(self, seconds: float):
        super().__init__(disable=True)
        self._seconds = seconds
        self._ended = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._print, daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    def _print(self) -> None:
        began, wait = time.monotonic(), min(FIRST_LINE_SECONDS, self._seconds)
        while not self._ended.wait(wait):
            wait = self._seconds
            seconds = f"{time.monotonic() - began:.0f} s"
            for bar in self.tasks[-1:]:
                share = f"{bar.percentage:.0f} %, " if (bar.total or 0) > 1 else ""
                print(f"{bar.description}: {share}{seconds}", file=sys.stderr, flush=True)


def show_progress(seconds: float = LINE_SECONDS) -> Progress:
    """Make bars on a terminal's stderr, which disappear when the command ends, else lines.

    seconds: between two lines.
    """
    console = Console(stderr=True)
    return Progress(console=console, transient=True) if console.is_terminal else Lines(seconds)


def report_on(progress: Progress, bar: TaskID, title: str = "") -> Report:
    """Report stages on a bar. title: whose stages they are."""
    return lambda stage, done, total: progress.update(
        bar, description=title + stage, completed=done, total=total
    )


@contextmanager
def show_stages() -> Iterator[Report]:
    """Show one bar for a job that reports its stages."""
    with show_progress(MINUTE) as progress:
        yield report_on(progress, progress.add_task("loading", total=None))
