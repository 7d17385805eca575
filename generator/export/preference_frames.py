"""Rows of the tables about preference pairs."""

import numpy as np

from generator.export.board import record_of
from generator.files.results import StoredResult
from generator.records.results import Result
from generator.tables.preferences import corrected, corrected_error, preference_figure


def preference_row(entry: StoredResult) -> dict[str, object]:
    """A row of preferences."""
    result = entry.result
    assert result.preference is not None  # only such records are asked for
    measured = result.preference
    found = preference_figure(measured)
    return _identity(result) | {
        "pairs": measured.pairs,
        "left_out": measured.left_out,
        "completion_tokens": measured.completion_tokens,
        "preference": found.value,
        "preference_low95": found.interval.low,
        "preference_high95": found.interval.high,
        "lexical": found.lexical,
        "lexical_low95": found.lexical_interval.low,
        "lexical_high95": found.lexical_interval.high,
        "beyond_lexical": found.beyond_lexical,
        "beyond_low95": found.beyond_interval.low,
        "beyond_high95": found.beyond_interval.high,
        "record": record_of(entry),
    }


def preference_layer_rows(entry: StoredResult) -> list[dict[str, object]]:
    """The rows of preference_layers that one record gives."""
    result = entry.result
    assert result.preference is not None  # only such records are asked for
    rows: list[dict[str, object]] = []
    for layer in result.preference.layers:
        row = _identity(result) | {"layer": layer.layer}
        plug_in, null = np.array(layer.plug_in), np.array(layer.null)
        values = {"plug_in": plug_in, "null": null, "corrected": corrected(layer)}
        for name, by_seed in values.items():
            row[name] = by_seed.mean()
            row[f"{name}_spread"] = by_seed.std(ddof=1) if len(by_seed) > 1 else None
        row["null_deviation"] = np.mean(layer.null_deviation)
        row["standard_error"] = corrected_error(layer)
        row["record"] = record_of(entry)
        rows.append(row)
    return rows


def _identity(result: Result) -> dict[str, object]:
    return {
        "model": result.model,
        "revision": result.revision,
        "tokens_seen": result.tokens_seen,
        "corpus": result.name,
        "dtype": result.environment.dtype,
    }
