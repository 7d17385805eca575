"""Where no terminal shows bars, progress is a line on stderr now and then."""

import time

from compression_leaderboard.cli.progress import (
    FIRST_LINE_SECONDS,
    LINE_SECONDS,
    Lines,
    report_on,
    show_progress,
)


def test_the_newest_stage_is_printed_until_the_end(capsys):
    with Lines(0.05) as progress:
        report = report_on(progress, progress.add_task("loading", total=None), "A: ")
        report("reading", 0, 1)
        time.sleep(0.3)
        report("de-quantizing", 30, 40)
        time.sleep(0.3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "A: reading: 0 s"
    assert lines[-1].startswith("A: de-quantizing: 75 %, ")
    assert len(lines) > 4
    time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_a_person_waits_at_most_five_seconds_for_the_first_line_and_ten_for_the_next():
    assert isinstance(show_progress(), Lines)  # tests have no terminal
    assert FIRST_LINE_SECONDS <= 5
    assert LINE_SECONDS <= 10
