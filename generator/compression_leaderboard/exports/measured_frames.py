"""Rows of the tables about texts, documents, the information plane and preference pairs."""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pandas as pd

from compression_leaderboard.board.comparisons import Comparison
from compression_leaderboard.board.compressors import CompressorRate, settings_text
from compression_leaderboard.board.current import record_of
from compression_leaderboard.board.derived import (
    Estimate,
    Plane,
    bits_interval,
    corrected,
    corrected_error,
    place_on_plane,
    preference_figure,
)
from compression_leaderboard.board.measured import HEADLINE_ORDER
from compression_leaderboard.board.trajectories import CheckpointFigure
from compression_leaderboard.intervals import Interval
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs


def compression_row(entry: StoredResult, specs: Specs) -> dict[str, object]:
    result = entry.result
    assert result.lossless is not None  # a corpus record that counts has a lossless side
    assert result.text is not None
    interval = bits_interval(result.lossless)
    plane = place_on_plane(result.lossy, HEADLINE_ORDER) if result.lossy else None
    released = specs.models[result.model].released
    return {
        **_identity(result),
        "window_tokens": result.text.protocol.window_tokens,
        "stride_tokens": result.text.protocol.stride_tokens,
        "bits_per_byte": result.lossless.bits_per_byte,
        **_ends(interval),
        "bytes": result.lossless.bytes,
        "documents": len(result.lossless.documents),
        "failing_bytes": result.lossless.failing_bytes,
        "corpus_after_release": specs.corpora[result.name].begins > released,
        **_plane(plane),
        "record": record_of(entry),
    }


def _plane(plane: Plane | None) -> dict[str, float | None]:
    """Complexity, expressivity and optimality, each with its interval and spread over seeds."""
    cells: dict[str, float | None] = {}
    for name in ("complexity", "expressivity", "optimality"):
        figure: Estimate | None = getattr(plane, name, None)
        cells[name] = figure.value if figure else None
        cells |= _ends(figure.interval if figure else None, f"{name}_")
        cells[f"{name}_spread"] = figure.spread if figure else None
    return cells


def _ends(interval: Interval | None, prefix: str = "") -> dict[str, float | None]:
    """The ends of a 95 % interval; None where it is unknown."""
    low, high = interval or (None, None)
    return {f"{prefix}low95": low, f"{prefix}high95": high}


def compressor_row(rate: CompressorRate) -> dict[str, object]:
    return {
        "compressor": rate.text.name,
        "settings": settings_text(rate.text),
        "version": rate.text.version,
        "corpus": rate.corpus,
        "bits_per_byte": rate.whole,
        "document_bits_per_byte": rate.alone,
        **_ends(rate.interval),
        "bytes": rate.bytes,
        "documents": rate.documents,
        "record": rate.record,
    }


def plane_rows(entry: StoredResult) -> list[dict[str, object]]:
    result = entry.result
    if result.lossy is None:
        return []
    rows: list[dict[str, object]] = []
    for layer in result.lossy.layers:
        shared: dict[str, object] = {
            "model": result.model,
            "revision": result.revision,
            "corpus": result.name,
            "dtype": result.environment.dtype,
            "positions": result.lossy.positions,
            "layer": layer.layer,
            "entropy": fmean(layer.entropy),
            "ceiling": fmean(layer.ceiling),
            "effective_rank": layer.effective_rank,
            "record": record_of(entry),
        }
        for information in layer.information:
            plug_in, null = information.plug_in, information.null
            corrected = [a - b for a, b in zip(plug_in, null, strict=True)]
            rows.append(
                {
                    **shared,
                    "unit_of_labels": information.unit,
                    "side": information.side,
                    "order": information.order,
                    **_by_seed(plug_in=plug_in, null=null, corrected=corrected),
                    "null_deviation": fmean(information.null_deviation),
                    "null_error": fmean(information.null_error),
                    "standard_error": information.standard_error,
                }
            )
    return rows


def _by_seed(**values: Sequence[float]) -> dict[str, float | None]:
    """Means over seeds and standard deviations, which are None for a single seed."""
    cells: dict[str, float | None] = {}
    for name, by_seed in values.items():
        mean, n = fmean(by_seed), len(by_seed)
        squares = math.fsum((value - mean) ** 2 for value in by_seed)
        cells[name] = mean
        cells[f"{name}_spread"] = math.sqrt(squares / (n - 1)) if n > 1 else None
    return cells


def document_frame(entries: Sequence[StoredResult]) -> pd.DataFrame:
    """One row a document of every record; texts as categories, since there may be millions."""
    results = [entry.result for entry in entries]
    costs = [result.lossless.documents for result in results if result.lossless is not None]
    times = [len(documents) for documents in costs]
    names: dict[str, int] = {}
    codes = [names.setdefault(d.document, len(names)) for own in costs for d in own]
    return pd.DataFrame(
        {
            "model": repeated([result.model for result in results], times),
            "revision": repeated([result.revision for result in results], times),
            "corpus": repeated([result.name for result in results], times),
            "document": pd.Categorical.from_codes(np.array(codes), pd.Index(list(names))),
            "bytes": np.fromiter((d.bytes for own in costs for d in own), np.int64),
            "tokens": np.fromiter((d.tokens for own in costs for d in own), np.int64),
            "bits": np.fromiter((d.bits for own in costs for d in own), np.float64),
            "lossless": np.fromiter((d.lossless for own in costs for d in own), bool),
        }
    )


def repeated(texts: Sequence[object], times: Sequence[int]) -> pd.Categorical:
    """Each text so many times, one after the other."""
    codes, known = pd.factorize(np.array(texts, dtype=object))
    return pd.Categorical.from_codes(np.repeat(codes, times), pd.Index(known))


def comparison_frame(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "model": pair.model,
                "other": pair.other,
                "corpus": pair.corpus,
                "dtype": pair.dtype,
                "documents": pair.documents,
                "difference": pair.difference,
                **_ends(pair.interval),
            }
            for pair in comparisons
        ]
    )


def preference_row(entry: StoredResult) -> dict[str, object]:
    """A row of preferences."""
    result = entry.result
    assert result.preference is not None  # only such records are asked for
    measured = result.preference
    figure = preference_figure(measured)
    return _identity(result) | {
        "pairs": measured.pairs,
        "left_out": measured.left_out,
        "completion_tokens": measured.completion_tokens,
        "preference": figure.value,
        **_ends(figure.interval, "preference_"),
        "lexical": figure.lexical,
        **_ends(figure.lexical_interval, "lexical_"),
        "beyond_lexical": figure.beyond_lexical,
        **_ends(figure.beyond_interval, "beyond_"),
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


def trajectory_row(one: CheckpointFigure) -> dict[str, object]:
    units = {"bits per byte": "bits/byte"}
    return {
        "model": one.model,
        "revision": one.revision,
        "tokens_seen": one.tokens_seen,
        "dtype": one.dtype,
        "name": one.name,
        "quantity": one.quantity,
        "value": one.figure.value,
        "unit": units.get(one.figure.unit, one.figure.unit),
    }


def _identity(result: Result) -> dict[str, object]:
    return {
        "model": result.model,
        "revision": result.revision,
        "tokens_seen": result.tokens_seen,
        "corpus": result.name,
        "dtype": result.environment.dtype,
    }
