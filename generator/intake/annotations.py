"""Problems as inline annotations of GitHub: one workflow command each, nothing of them obeyed."""

import re

from generator.records.base import Problem

LINE = re.compile(r"\(at line (\d+)|^line (\d+)")


def annotation(problem: Problem, text: str | None) -> str:
    """The problem on its line. text: of the file, to find the line; None where it was not read."""
    file = escape_property(problem.file)
    place = f"file={file},line={line_of(problem, text)}"
    return f"::error {place},title={escape_property(problem.file)}::{escape_data(str(problem))}"


def escape_data(text: str) -> str:
    """Text of a workflow command; in it a line end would begin the next command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def line_of(problem: Problem, text: str | None) -> int:
    """Where the field of a problem stands in its file; 1 where that is not known."""
    if said := LINE.search(problem.field) or LINE.search(problem.wrong):
        return int(said[1] or said[2])
    if text is None or not problem.field:
        return 1
    line = 0
    lines = text.split("\n")
    for part in problem.field.split("."):
        pattern = re.compile(rf'\s*(\[\[?{re.escape(part)}\]|"?{re.escape(part)}"?\s*[=:])')
        begin = line if part != "weights" else 0
        found = next((n for n in range(begin, len(lines)) if pattern.match(lines[n])), None)
        line = line if found is None else found
    return line + 1
