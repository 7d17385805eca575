"""A record as TOML: plain values first, then its tables."""

import json
from datetime import date
from typing import Any

from generator.records.base import Record


def toml_text(record: Record) -> str:
    """What is None or has its default `kind` is left out."""
    content = record.model_dump(exclude_none=True, exclude={"kind"})
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    parts = [_lines({name: v for name, v in content.items() if name not in tables})]
    parts += [f"[{name}]\n{_lines(table)}" for name, table in tables.items()]
    return "\n".join(parts)


def _lines(values: dict[str, Any]) -> str:
    return "".join(f"{name} = {toml_value(value)}\n" for name, value in values.items())


def toml_value(value: Any) -> str:
    """JSON writes text, numbers and lists as TOML does; dates stand bare."""
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
