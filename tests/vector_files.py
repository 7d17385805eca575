"""Test vectors: answers of Python, in files, that scripts of the site must give too."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "vectors"


def as_values(vectors: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of a file, as plain values."""
    return dict(json.loads(json.dumps(vectors, default=vars)))


def write_vectors(name: str, vectors: Mapping[str, Any]) -> None:
    """Write one line per case, so that a diff shows which answers changed."""
    parts = []
    for key, value in vectors.items():
        lines = value if isinstance(value, list) else [value]
        shown = ",\n  ".join(json.dumps(line, ensure_ascii=False) for line in lines)
        parts.append(f'"{key}": ' + (f"[\n  {shown}\n ]" if isinstance(value, list) else shown))
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / name).write_text("{\n " + ",\n ".join(parts) + "\n}\n", "utf-8")


def read_vectors(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / name).read_text("utf-8")))


def assert_alike(
    actual: object, expected: object, place: str = "answer", rel: float = 1e-9
) -> None:
    """Compare values; numbers up to `rel` of their size."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        assert actual.keys() == expected.keys(), place
        for key in expected:
            assert_alike(actual[key], expected[key], f"{place}.{key}", rel)
    elif isinstance(expected, list) and isinstance(actual, list):
        assert len(actual) == len(expected), place
        for k, (one, other) in enumerate(zip(actual, expected, strict=True)):
            assert_alike(one, other, f"{place}.{k}", rel)
    elif isinstance(expected, float):
        assert actual == pytest.approx(expected, rel=rel, abs=1e-12), place
    else:
        assert actual == expected, place
