"""Tables as data: the same values from every format, against the dictionary and the records."""

import hashlib
import io
import json
import math
import subprocess
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import jsonschema
import pandas as pd
import pyarrow.parquet as pq
import pytest
from compression_leaderboard.exports.formats import (
    FORMULA,
    guard,
    to_arrow,
    to_csv,
    to_json,
    to_parquet,
)
from compression_leaderboard.exports.release import export_files
from compression_leaderboard.exports.tables import Field, Table, make_tables
from compression_leaderboard.fits.study import StudiedBoard as Board

from tests.exported import board_of, write_files
from tests.factory import make_model, make_result, make_specs, store
from tests.miniature import HOSTILE

ISSUE = {
    "models", "scores", "leaderboard", "compression", "compression_documents",
    "information_plane", "trajectories", "predictions", "fits", "correlations",
}  # fmt: skip
PANDAS: dict[str, Any] = {
    "string": object, "number": float, "integer": "Int64", "boolean": object, "date": object,
}  # fmt: skip


@pytest.fixture(scope="module")
def board(miniature_board) -> Board:
    return miniature_board


@pytest.fixture(scope="module")
def files(miniature_files) -> dict[str, bytes]:
    return miniature_files


@pytest.fixture(scope="module")
def dictionary(board) -> dict[str, Table]:
    return make_tables(board.cohorts)


def from_csv(table: Table, content: bytes) -> pd.DataFrame:
    """As the download page tells readers to: empty is null, guards taken off, types given."""
    frame = pd.read_csv(
        io.BytesIO(content),
        dtype={f.name: "Int64" if f.type == "integer" else PANDAS[f.type] for f in table.fields},
        keep_default_na=False,
        na_values=[""],
    )
    for field in table.fields:
        if field.guarded:
            frame[field.name] = frame[field.name].str.replace(r"^'", "", regex=True)
        if field.type == "boolean":
            frame[field.name] = frame[field.name].map({"true": True, "false": False})
    return frame


def from_json(table: Table, content: bytes) -> pd.DataFrame:
    return pd.DataFrame(json.loads(content)["data"], columns=[f.name for f in table.fields])


def from_parquet(content: bytes) -> pd.DataFrame:
    return pq.read_table(io.BytesIO(content)).to_pandas(integer_object_nulls=True)


def plain(table: Table, frame: pd.DataFrame, digits: int | None = None) -> list[tuple[object, ...]]:
    """Rows as Python values; numbers with so many significant digits."""
    assert list(frame.columns) == [field.name for field in table.fields]
    columns = [
        [_plain(field, value, digits) for value in frame[field.name].astype(object)]
        for field in table.fields
    ]
    return list(zip(*columns, strict=True))


def _plain(field: Field, value: Any, digits: int | None) -> object:
    if value is None or value is pd.NA or value != value:
        return None
    if field.type == "number":
        return float(value) if digits is None else f"{float(value):.{digits}g}"
    if field.type == "integer":
        assert int(value) == value
        return int(value)
    return value if field.type == "boolean" else str(value)


def test_every_table_of_the_board_is_there_and_has_rows(dictionary, files):
    assert set(dictionary) >= ISSUE
    for table in dictionary.values():
        large = table.name in ("compression_documents", "residuals")
        assert set(table.formats) == ({"parquet"} if large else {"csv", "json", "parquet"})
        for path in table.paths.values():
            assert f"data/{path}" in files
        rows = from_parquet(files[f"data/{table.name}.parquet"])
        assert len(rows) > 0 or table.name in ("fits", "residuals"), table.name


def test_csv_json_and_parquet_hold_the_same_values(dictionary, files):
    """Equal in values and types; CSV after its guards are taken off and to six digits."""
    for table in dictionary.values():
        if "csv" not in table.formats:
            continue
        stored = {form: files[f"data/{path}"] for form, path in table.paths.items()}
        exact = from_parquet(stored["parquet"])
        assert plain(table, from_json(table, stored["json"])) == plain(table, exact), table.name
        short = plain(table, from_csv(table, stored["csv"]), 6)
        assert short == plain(table, exact, 6), table.name


def test_parquet_has_the_types_of_the_dictionary_and_says_its_licence(dictionary, files):
    names = {"string": "string", "number": "double", "integer": "int64", "boolean": "bool"}
    for table in dictionary.values():
        schema = pq.read_schema(io.BytesIO(files[f"data/{table.name}.parquet"]))
        found = [(field.name, str(field.type)) for field in schema]
        assert found == [(f.name, names.get(f.type, "date32[day]")) for f in table.fields]
        licences = json.loads(schema.metadata[b"licenses"])
        wanted = "other-closed" if table.name == "imported" else "CC-BY-4.0"
        assert licences[0]["name"] == wanted


def test_every_row_names_its_licence_and_published_rows_never_ours(files):
    mixed = 0
    for path, content in files.items():
        if path.endswith(".parquet"):
            frame = from_parquet(content)
            assert frame["data_licence"].notna().all(), path
            if "provenance" in frame:
                published = frame["provenance"] == "published"
                assert set(frame.loc[published, "data_licence"]) <= {"MIT"}, path
                ours = frame["provenance"] == "measured"
                assert set(frame.loc[ours, "data_licence"]) <= {"CC-BY-4.0"}, path
                other = ~published & ~ours  # imported files state no licence
                assert set(frame.loc[other, "data_licence"]) <= {"not stated"}, path
                mixed += bool(published.any() and ours.any())
            else:
                assert set(frame["data_licence"]) <= {"CC-BY-4.0", "MIT"}
    assert mixed == 3


def test_the_files_are_what_the_list_of_checksums_says(files):
    lines = files["data/SHA256SUMS"].decode().splitlines()
    listed = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    stored = {p.removeprefix("data/"): c for p, c in files.items() if p.startswith("data/")}
    assert set(listed) == set(stored) - {"SHA256SUMS"}
    assert {p: hashlib.sha256(stored[p]).hexdigest() for p in listed} == listed


def test_json_tables_are_of_their_schema(dictionary, files):
    for table in dictionary.values():
        if "json" in table.formats:
            schema = json.loads(files[f"data/schemas/{table.name}.schema.json"])
            jsonschema.Draft202012Validator.check_schema(schema)
            jsonschema.validate(json.loads(files[f"data/{table.name}.json"]), schema)


def test_every_column_says_what_it_is(dictionary):
    """Unit and direction where a number has one, a meaning and an origin always."""
    for table in dictionary.values():
        assert table.title
        assert set(table.key) <= {field.name for field in table.fields}
        for field in table.fields:
            place = f"{table.name}.{field.name}"
            assert field.description, place
            assert field.unit or field.type not in ("number", "integer"), place


def test_every_table_of_the_miniature_board_has_rows(board, dictionary):
    """So that the value of each column is read in tests."""
    assert [t.name for t in dictionary.values() if not list(t.rows(board))] == []


def test_sums_over_documents_are_those_of_the_records(board, files):
    """Bits, bytes and numbers of rows, from the per-document table back to the records."""
    documents = from_parquet(files["data/compression_documents.parquet"])
    records = [e.result for e in board.texts]
    assert len(documents) == sum(len(r.lossless.documents) for r in records) > 0
    texts = from_parquet(files["data/compression.parquet"])
    assert len(texts) == len(records)
    sums = documents.groupby(["model", "revision", "corpus"])[["bits", "bytes"]].sum()
    for record in records:
        found = sums.loc[(record.model, record.revision, record.name)]
        assert found.bits == pytest.approx(math.fsum(d.bits for d in record.lossless.documents))
        assert found.bits / found.bytes == pytest.approx(record.lossless.bits_per_byte)
    rates = dict(zip(texts["record"], texts["bits_per_byte"], strict=True))
    assert rates == {r.file: r.lossless.bits_per_byte for r in records}


def test_scores_lead_to_their_records(board, files):
    scores = from_parquet(files["data/scores.parquet"])
    measured = scores[scores["provenance"] == "measured"]
    assert measured["record"].notna().all()
    by_file = {e.result.file: e.result for e in board.current}
    for row in measured.itertuples():
        result = by_file[row.record]
        assert (result.model, result.revision) == (row.model, row.revision)
        if row.kind == "benchmark":
            assert row.value == result.tasks[0].scores[0].value
        elif row.kind == "compression":
            assert row.value == result.lossless.bits_per_byte
    assert scores[scores["provenance"] == "published"]["record"].isna().all()


def test_the_wide_table_holds_the_figures_of_the_long_one(files):
    wide = from_parquet(files["data/leaderboard.parquet"]).set_index(["cohort", "model"])
    scores = from_parquet(files["data/scores.parquet"])
    groups = {"benchmark": "score", "compression": "compression", "preference": "preference"}
    for row in scores.itertuples():
        assert isinstance(row.column, str)
        name = f"{groups[row.kind]}.{row.column.removesuffix('_preference')}"
        assert wide.loc[(row.cohort, row.model), name] == row.value
    names = [c for c in wide.columns if c.count(".") == 1 and c != "score.stderr"]
    figures = [c for c in names if not c.startswith("optimality")]
    assert wide[figures].notna().sum().sum() == len(scores)


def test_the_order_of_models_and_records_changes_no_byte():
    models = [make_model(), make_model("org/other")]
    results = [make_result(m, kind) for m in models for kind in ("corpus", "suite")]

    def exported(models, results):
        return export_files(board_of(make_specs(*models), store(*results)))

    assert exported(models, results) == exported(models[::-1], results[::-1])


def column(name, kind, nullable=True):
    return Field(
        name=name,
        type=kind,
        unit="items",
        origin="record",
        nullable=nullable,
        value=name,
        description="a sample",
    )


TABLE = Table(
    "sample",
    "A sample.",
    lambda board: ROWS,
    ("name",),
    (
        column("name", "string", nullable=False),
        column("value", "number"),
        column("n", "integer"),
        column("known", "boolean"),
        column("day", "date"),
    ),
)
CELLS = [
    ("=1+1", 1 / 3, 123456789, True, "2026-01-31"),
    ("@x", None, None, None, None),
    ("\tplain", 2.0, 1, False, "2026-02-01"),
    ("'quoted", 1234567.0, 2, True, None),
    ("-", 1e-7, 3, False, None),
    ("a\rb", 0, 4, False, None),
]
ROWS: list[Any] = [
    SimpleNamespace(name=name, value=value, n=n, known=known, day=day)
    for name, value, n, known, day in CELLS
]


def test_csv_guards_formulas_keeps_six_digits_and_leaves_unknown_cells_empty():
    content = to_csv(to_arrow(TABLE, ROWS))
    assert content.decode() == (
        "name,value,n,known,day\n"
        "'=1+1,0.333333,123456789,true,2026-01-31\n"
        "'@x,,,,\n"
        "'\tplain,2,1,false,2026-02-01\n"
        "''quoted,1.23457e+06,2,true,\n"
        "'-,1e-07,3,false,\n"
        '"a\rb",0,4,false,\n'
    )
    assert list(from_csv(TABLE, content)["name"]) == [row.name for row in ROWS]


def test_a_guard_can_always_be_taken_off():
    for start in (*FORMULA, "''", "'=", "a", "é"):
        value = f"{start}x"
        assert (guard(value) if not guard(value).startswith("'") else guard(value)[1:]) == value


def test_json_and_parquet_keep_full_precision():
    rows = to_arrow(TABLE, ROWS)
    first = json.loads(to_json(rows, {"name": "sample"}))["data"]
    assert first[0]["value"] == 1 / 3
    assert first[1] == {"name": "@x", "value": None, "n": None, "known": None, "day": None}
    assert from_parquet(to_parquet(rows, {}))["value"][0] == 1 / 3


def test_hostile_text_comes_back_as_it_was(dictionary, files):
    families = from_csv(dictionary["models"], files["data/models.csv"])["family"]
    assert HOSTILE in set(families)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "sample.name: is an empty text"),
        ({"name": None}, "sample.name: is null in 1 rows"),
        ({"name": 1}, "sample.name: is not string"),
        ({"name": "@x"}, "sample: two rows of {'name': '@x'"),
        ({"value": float("inf")}, "sample.value: is not finite"),
        ({"value": float("nan")}, "sample.value: is not finite"),
        ({"value": "1.5"}, "sample.value: is not number"),
        ({"value": True}, "sample.value: is not number"),
        ({"n": 1.5}, "sample.n: is not integer"),
        ({"n": "1"}, "sample.n: is not integer"),
        ({"known": "true"}, "sample.known: is not boolean"),
        ({"day": "31 January"}, "sample.day: is not date"),
    ],
)
def test_a_value_that_differs_from_the_declaration_is_our_bug(change, message):
    changed = SimpleNamespace(**{**vars(ROWS[0]), **change})
    with pytest.raises(AssertionError) as caught:
        to_arrow(TABLE, [changed, *ROWS[1:]])
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("change", [{"value": True}, {"known": 1}, {"n": 0.5}])
def test_a_column_of_another_type_is_our_bug(change):
    with pytest.raises(AssertionError, match=f"sample.{next(iter(change))}: is"):
        to_arrow(TABLE, [SimpleNamespace(**{**vars(row), **change}) for row in ROWS])


def test_a_missing_attribute_is_our_bug():
    with pytest.raises(AttributeError, match="n"):
        to_arrow(TABLE, [SimpleNamespace(name="a", value=1.0)])


def test_cohorts_that_name_a_text_alike_share_a_column(board):
    """And each row's `cohort` and `unit` say what it holds."""
    twin = replace(board.cohorts[-1], name="twin")
    names = [field.name for field in make_tables([*board.cohorts, twin])["leaderboard"].fields]
    assert names == [field.name for field in make_tables(board.cohorts)["leaderboard"].fields]


def test_the_checksums_are_read_by_the_usual_tool(files, tmp_path):
    write_files(tmp_path, files)
    command = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    done = subprocess.run(
        command, cwd=tmp_path / "data", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
