"""CSV of the download and of a table's button guards the same texts in the same way."""

import csv
import io

import pyarrow as pa
import pytest
from compression_leaderboard.exports.formats import FORMULA, guard, to_csv

from tests.vector_files import read_vectors

CELLS = read_vectors("csv.json")["cells"]


def read_rows(lines: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(lines, newline=""), strict=True))


def test_every_guarded_beginning_is_a_vector():
    assert {cell[0] for cell, guarded in CELLS if guarded != cell} == set(FORMULA)


@pytest.mark.parametrize(("cell", "guarded"), CELLS)
def test_python_guards_as_the_vectors_say(cell, guarded):
    assert guard(cell) == guarded
    content = to_csv(pa.table({"cell": [cell], "end": ["x"]})).decode()
    assert read_rows(content)[1:] == [[guarded, "x"]]


@pytest.mark.browser
def test_the_script_guards_as_the_vectors_say(page, address):
    page.goto(address)
    lines = page.evaluate(
        """async (cells) => {
            const { csvLine } = await import("./assets/format.js");
            return cells.map(([cell]) => csvLine([cell, "x"]));
        }""",
        CELLS,
    )
    assert [read_rows(line) for line in lines] == [[[guarded, "x"]] for _, guarded in CELLS]
