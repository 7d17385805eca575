"""A data frame as an Arrow table of exactly the columns and types that the dictionary says.

A frame that differs is our bug, never a user's: it fails here, before any file is written.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from generator.export.fields import Field, Table, Type

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
