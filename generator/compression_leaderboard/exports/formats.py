"""Tables as Arrow, CSV, JSON and Parquet with exactly the declared types, and archives of files."""

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from compression_leaderboard.exports.tables import Field, Table, Type

LEVEL = 6  # of gzip
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # CSV texts that begin so are guarded
ROWS_AT_ONCE = 20_000  # so that memory does not grow with the table
ARROW: dict[Type, pa.DataType] = {
    "string": pa.dictionary(pa.int32(), pa.string()),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}
# What Arrow may take the values of a column for: True is no number, and 1.5 no integer.
INFERRED: dict[Type, set[str]] = {
    "string": {"string"},
    "number": {"double", "int64"},
    "integer": {"double", "int64"},
    "boolean": {"bool"},
    "date": {"date32[day]", "string"},
}


def pack(files: Mapping[str, bytes], commit_date: str) -> bytes:
    """Pack files by path as .tar.gz: sorted, dated by the commit, without an owner."""
    seconds = int(datetime.fromisoformat(commit_date).timestamp())
    plain = io.BytesIO()
    with tarfile.TarFile(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in sorted(files.items()):
            item = tarfile.TarInfo(path)
            item.size, item.mtime, item.mode = len(content), seconds, 0o644
            archive.addfile(item, io.BytesIO(content))
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", LEVEL, packed, seconds) as stream:
        stream.write(plain.getvalue())
    return packed.getvalue()


def to_arrow(table: Table, rows: Iterable[object]) -> pa.Table:
    """Read every column from the rows.

    A value that the declaration excludes is our bug, not the user's: it raises AssertionError
    naming the column for a value of another type, an empty text, a number that is not finite, a
    null where none may be, and a key that occurs twice.
    """
    fields = [pa.field(field.name, ARROW[field.type], field.nullable) for field in table.fields]
    schema = pa.schema(fields)
    assert len(set(schema.names)) == len(fields), f"{table.name}: two columns of one name"
    readers = [(field, field.read) for field in table.fields]
    batches, remaining = [], iter(rows)
    while part := list(islice(remaining, ROWS_AT_ONCE)):
        arrays = [_array(table, field, [read(row) for row in part]) for field, read in readers]
        batches.append(pa.record_batch(arrays, schema=schema))
    made = pa.Table.from_batches(batches, schema).unify_dictionaries()
    counts = made.group_by(list(table.key)).aggregate([([], "count_all")])
    twice = counts.filter(pc.field("count_all") > 1)
    assert not twice.num_rows, f"{table.name}: two rows of {twice.slice(0, 1).to_pylist()[0]}"
    return made


def _array(table: Table, field: Field, values: Sequence[object]) -> pa.Array:
    place = f"{table.name}.{field.name}"
    try:
        inferred = pa.array(values)
        allowed = INFERRED[field.type] | {"null"}
        assert str(inferred.type) in allowed, f"{place}: is {inferred.type}, not {field.type}"
        array = inferred.cast(ARROW[field.type])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise AssertionError(f"{place}: is not {field.type}: {error}") from error
    assert field.nullable or not array.null_count, f"{place}: is null in {array.null_count} rows"
    if field.type == "number":
        finite = pc.all(pc.is_finite(array), skip_nulls=True).as_py()
        assert finite is not False, f"{place}: is not finite"
    if field.type == "string":
        assert "" not in array.dictionary.to_pylist(), f"{place}: is an empty text"
    return array


def format_table(table: Table, rows: pa.Table, metadata: Mapping[str, object]) -> dict[str, bytes]:
    """Write the files of a table by name.

    metadata: title, licences and columns, for JSON and Parquet. CSV has no place for them, but
    each row names its licence.
    """
    writers = {
        "csv": lambda: to_csv(rows),
        "json": lambda: to_json(rows, metadata),
        "parquet": lambda: to_parquet(rows, metadata),
    }
    return {path: writers[form]() for form, path in table.paths.items()}


class _Lines(io.StringIO):
    """Text whose rows end in a line feed, written by what ends them in CR and LF.

    Only writers that end rows in CR and LF put quotation marks around a bare carriage return.
    """

    def write(self, row: str) -> int:
        return super().write(row.removesuffix("\r\n") + "\n")


def to_csv(rows: pa.Table) -> bytes:
    """Write UTF-8 with six significant digits and nothing for null.

    A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    lines = _Lines(newline="")
    for start in range(0, max(rows.num_rows, 1), ROWS_AT_ONCE):
        part = rows.slice(start, ROWS_AT_ONCE)
        columns = {name: _shown(part[name]) for name in part.column_names}
        pd.DataFrame(columns).to_csv(
            lines, header=start == 0, index=False, float_format="%.6g", lineterminator="\r\n"
        )
    return lines.getvalue().encode()


def _shown(column: pa.ChunkedArray) -> pd.Series:
    """Return a column as pandas is to write it: all but numbers with a fraction as text."""
    if pa.types.is_string(column.type):
        column = column.dictionary_encode()
    if pa.types.is_dictionary(column.type):
        texts: pd.Series = column.to_pandas()
        return texts.cat.rename_categories(guard)
    if pa.types.is_floating(column.type):
        numbers: pd.Series = column.to_pandas()
        return numbers
    cells = [None if value is None else str(value).lower() for value in column.to_pylist()]
    return pd.Series(cells, dtype=object)


def guard(text: str) -> str:
    """Put an apostrophe in front of what a spreadsheet would run, or of another apostrophe."""
    return f"'{text}" if text.startswith(FORMULA) else text


def to_json(rows: pa.Table, metadata: Mapping[str, object]) -> bytes:
    """Write the metadata as an object whose last member `data` lists the rows as objects."""
    encode = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str
    ).encode
    opening = json.dumps(metadata, ensure_ascii=False, indent=1)
    stream = io.BytesIO()
    stream.write((opening.removesuffix("\n}") + ',\n "data": [\n').encode())
    # Texts without their dictionary: five times as fast.
    plain = [
        field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field
        for field in rows.schema
    ]
    between = ""
    for batch in rows.to_batches(ROWS_AT_ONCE):
        objects = batch.cast(pa.schema(plain)).to_pylist()
        stream.write((between + ",\n".join(map(encode, objects))).encode())
        between = ",\n"
    stream.write(b"\n]}\n")
    return stream.getvalue()


def to_parquet(rows: pa.Table, metadata: Mapping[str, object]) -> bytes:
    """Write Snappy; texts with a dictionary, full precision, the metadata in the file's schema."""
    encoded = {name: json.dumps(value, ensure_ascii=False) for name, value in metadata.items()}
    texts = [field.name for field in rows.schema if not pa.types.is_floating(field.type)]
    sink = pa.BufferOutputStream()
    # Without Arrow's own schema, so that every reader sees texts and not dictionaries of them.
    options = {"compression": "snappy", "use_dictionary": texts, "store_schema": False}
    with pq.ParquetWriter(sink, rows.schema, **options) as writer:
        writer.write_table(rows)
        writer.add_key_value_metadata(encoded)
    content: bytes = sink.getvalue().to_pybytes()
    return content
