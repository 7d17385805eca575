"""An Arrow table as CSV, JSON or Parquet, with what a reader must know about it inside."""

import io
import json
from collections.abc import Iterator, Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from generator.export.fields import FORMULA, Field, Table

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
