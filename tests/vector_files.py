"""Files of cases that Python and a script of the site must answer alike, in tests/vectors."""

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "vectors"


def write_vectors(file: Path, vectors: dict[str, Any]) -> None:
    """One line per case, so that a diff shows which answers changed."""
    parts = []
    for key, value in vectors.items():
        lines = value if isinstance(value, list) else [value]
        shown = ",\n  ".join(json.dumps(line, ensure_ascii=False) for line in lines)
        parts.append(f'"{key}": ' + (f"[\n  {shown}\n ]" if isinstance(value, list) else shown))
    file.parent.mkdir(exist_ok=True)
    file.write_text("{\n " + ",\n ".join(parts) + "\n}\n", "utf-8")


def assert_alike(actual: object, expected: object, place: str = "answer") -> None:
    """Equal values; numbers up to 1e-9 of their size."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        assert actual.keys() == expected.keys(), place
        for key in expected:
            assert_alike(actual[key], expected[key], f"{place}.{key}")
    elif isinstance(expected, list) and isinstance(actual, list):
        assert len(actual) == len(expected), place
        for k, (one, other) in enumerate(zip(actual, expected, strict=True)):
            assert_alike(one, other, f"{place}.{k}")
    elif isinstance(expected, float):
        assert actual == pytest.approx(expected, rel=1e-9), place
    else:
        assert actual == expected, place
