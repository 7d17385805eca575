"""Tables as Arrow, CSV, JSON and Parquet with the dictionary's exact types, and archives of files.

A frame that differs is our bug, never a user's: it fails here, before any file is written.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from compression_leaderboard.exports.columns import FORMULA, Field, Table, Type

LEVEL = 6  # of gzip


def pack(files: Mapping[str, bytes], commit_date: str) -> bytes:
    """A .tar.gz of files by path: sorted, dated by the commit, owned by nobody."""
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


ARROW: dict[Type, pa.DataType] = {
    "string": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}


def conform(table: Table, frame: pd.DataFrame) -> pa.Table:
    """The frame's rows, in its order.

    Raises AssertionError naming the column for an unknown or missing column, a value of another
    type, an empty text, a number that is not finite, a null where none may be, and a key that
    occurs twice.
    """
    names = [field.name for field in table.fields]
    unknown = [str(name) for name in frame.columns if name not in names]
    if frame.empty:  # made from no rows, a frame does not know its columns
        frame = frame.reindex(columns=names)
    missing = [name for name in names if name not in frame.columns]
    assert not unknown, f"{table.name}: not in the dictionary: {', '.join(unknown)}"
    assert not missing, f"{table.name}: column missing: {', '.join(missing)}"
    assert len(set(names)) == len(names), f"{table.name}: a column stands twice"
    key = list(table.key)
    made = {f.name: _column(table, f, frame) for f in table.fields if f.name in key}
    again = frame.duplicated(key)  # before the other columns are made: it takes memory too
    assert not again.any(), f"{table.name}: two rows of {frame.loc[again, key].iloc[0]}"
    made |= {f.name: _column(table, f, frame) for f in table.fields if f.name not in key}
    fields = [pa.field(f.name, made[f.name].type, f.nullable) for f in table.fields]
    return pa.Table.from_arrays([made[name] for name in names], schema=pa.schema(fields))


def _column(table: Table, field: Field, frame: pd.DataFrame) -> pa.Array:
    place = f"{table.name}.{field.name}"
    try:
        found = _array(field, frame[field.name])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError) as error:
        raise AssertionError(f"{place}: not a {field.type}: {error}") from error
    assert field.nullable or not found.null_count, f"{place}: is null in {found.null_count} rows"
    if field.type == "number":
        finite = pc.all(pc.is_finite(found), skip_nulls=True).as_py()
        assert finite is not False, f"{place}: is not finite"
    if field.type == "string":
        texts = found.dictionary if isinstance(found, pa.DictionaryArray) else found
        assert not pc.any(pc.equal(texts, "")).as_py(), f"{place}: is an empty text"
    return found


def _array(field: Field, values: pd.Series) -> pa.Array:
    if values.empty:
        return pa.array([], ARROW[field.type])
    if isinstance(values.dtype, pd.CategoricalDtype):
        found = pa.array(values)
        if field.type == "string" and found.type.value_type in (pa.string(), pa.large_string()):
            return found.cast(pa.dictionary(pa.int32(), pa.string()))
        raise ValueError(f"categories of {found.type.value_type}")
    if field.type in ("number", "integer"):
        return _numbers(field, values)
    if field.type == "date":
        values = pd.to_datetime(values, format="ISO8601").dt.date
    plain = values.astype(object)
    return pa.array(plain.where(plain.notna(), None), ARROW[field.type], from_pandas=True)


def _numbers(field: Field, values: pd.Series) -> pa.Array:
    """Numbers of any numeric type; a text or a truth value is none, a fraction no integer."""
    if not pd.api.types.is_numeric_dtype(values):
        known = values.dropna()
        wrong = [v for v in known if isinstance(v, bool | str) or not np.isreal(v)]
        if wrong:
            raise ValueError(f"{wrong[0]!r}")
        values = values.astype(object).where(values.notna(), None).astype("float64")
    elif pd.api.types.is_bool_dtype(values):
        raise ValueError("a truth value")
    found = pa.array(values, from_pandas=True)
    return found.cast(ARROW[field.type], safe=True)


ROWS_AT_ONCE = 20_000  # of CSV and JSON, so that memory does not grow with the table


def write_table(table: Table, rows: pa.Table, metadata: Mapping[str, object]) -> dict[str, bytes]:
    """The files of a table by name. metadata: title, licences and columns, for JSON and Parquet;
    CSV has no place for them, but each row names its licence."""
    writers = {
        "csv": lambda: to_csv(table, rows),
        "json": lambda: to_json(rows, metadata),
        "parquet": lambda: to_parquet(rows, metadata),
    }
    return {path: writers[form]() for form, path in table.paths.items()}


def to_csv(table: Table, rows: pa.Table) -> bytes:
    """UTF-8, six significant digits, nothing where unknown, whole numbers in full; texts that a
    spreadsheet would run as a formula get an apostrophe in front."""
    stream = io.BytesIO()
    for start in range(0, max(rows.num_rows, 1), ROWS_AT_ONCE):
        part = rows.slice(start, ROWS_AT_ONCE)
        frame = pd.DataFrame(
            {field.name: _csv_column(field, part[field.name]) for field in table.fields}
        )
        frame.to_csv(
            stream,
            index=False,
            header=start == 0,
            float_format="%.6g",
            lineterminator="\n",
            mode="wb",
        )
    return stream.getvalue()


def _csv_column(field: Field, column: pa.ChunkedArray) -> pd.Series:
    plain = _plain(column)
    shown: pd.Series
    if field.type == "integer":
        shown = plain.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    elif field.type == "number":
        shown = plain.to_pandas()
    elif field.type == "string":
        known = {text: guard(text) for text in plain.unique().to_pylist()}
        shown = plain.to_pandas().astype(object).map(known, na_action="ignore")
    else:
        texts = [None if v is None else str(v).lower() for v in plain.to_pylist()]
        shown = pd.Series(texts, dtype=object)
    return shown


def guard(text: str | None) -> str | None:
    """An apostrophe in front of what a spreadsheet would run, or of another apostrophe."""
    return f"'{text}" if text is not None and text.startswith(FORMULA) else text


def to_json(rows: pa.Table, metadata: Mapping[str, object]) -> bytes:
    """The metadata as an object whose last member `data` lists the rows as objects."""
    opening = json.dumps(metadata, ensure_ascii=False, indent=1)
    stream = io.BytesIO()
    stream.write((opening.removesuffix("\n}") + ',\n "data": [\n').encode())
    stream.writelines(_json_lines(rows))
    stream.write(b"\n]}\n")
    return stream.getvalue()


def _json_lines(rows: pa.Table) -> Iterator[bytes]:
    """Rows as JSON objects, a line each: every column is encoded on its own, then zipped."""
    names = [json.dumps(name, ensure_ascii=False).replace("%", "%%") for name in rows.column_names]
    template = "{" + ",".join(f"{name}:%s" for name in names) + "}"
    for start in range(0, rows.num_rows, ROWS_AT_ONCE):
        part = rows.slice(start, ROWS_AT_ONCE)
        encoded = [_encoded(column) for column in part.columns]
        lines = ",\n".join(template % cells for cells in zip(*encoded, strict=True))
        yield ((",\n" if start else "") + lines).encode()


def _encoded(column: pa.ChunkedArray) -> list[str]:
    plain = _plain(column)
    values = plain.to_pylist()
    if pa.types.is_string(plain.type):
        known = {text: json.dumps(text, ensure_ascii=False) for text in set(values)}
        return [known[text] for text in values]
    if pa.types.is_date(plain.type):
        return ["null" if value is None else f'"{value.isoformat()}"' for value in values]
    if pa.types.is_boolean(plain.type):
        return [{True: "true", False: "false", None: "null"}[value] for value in values]
    return ["null" if value is None else repr(value) for value in values]


def to_parquet(rows: pa.Table, metadata: Mapping[str, object]) -> bytes:
    """Snappy; texts with a dictionary, full precision, the metadata in the file's schema."""
    held = {name: json.dumps(value, ensure_ascii=False) for name, value in metadata.items()}
    texts = [field.name for field in rows.schema if not pa.types.is_floating(field.type)]
    sink = pa.BufferOutputStream()
    # Without Arrow's own schema, so that every reader sees texts and not dictionaries of them.
    options = {"compression": "snappy", "use_dictionary": texts, "store_schema": False}
    with pq.ParquetWriter(sink, rows.schema, **options) as writer:
        writer.write_table(rows)
        writer.add_key_value_metadata(held)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without a dictionary."""
    kind = column.type
    return column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
