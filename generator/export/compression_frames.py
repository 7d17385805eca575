"""Rows of the tables about texts: bits per byte, documents, the information plane."""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pandas as pd

from generator.export.board import record_of
from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.tables.classical import CompressorRate, settings_text
from generator.tables.comparisons import Comparison
from generator.tables.derive import Figure, Plane, bits_interval, place_on_plane
from generator.tables.measured import HEADLINE_ORDER


def compression_row(entry: StoredResult, specs: Specs) -> dict[str, object]:
    result = entry.result
    assert result.lossless is not None  # a corpus record that counts has a lossless side
    assert result.text is not None
    interval = bits_interval(result.lossless)
    plane = place_on_plane(result.lossy, HEADLINE_ORDER) if result.lossy else None
    released = specs.models[result.model].released
    return {
        "model": result.model,
        "revision": result.revision,
        "tokens_seen": result.tokens_seen,
        "corpus": result.name,
        "window_tokens": result.text.protocol.window_tokens,
        "stride_tokens": result.text.protocol.stride_tokens,
        "bits_per_byte": result.lossless.bits_per_byte,
        "low95": interval.low if interval else None,
        "high95": interval.high if interval else None,
        "bytes": sum(d.bytes for d in result.lossless.documents),
        "documents": len(result.lossless.documents),
        "failing_bytes": result.lossless.failing_bytes,
        "corpus_after_release": specs.corpora[result.name].begins > released,
        **_plane(plane),
        "dtype": result.environment.dtype,
        "record": record_of(entry),
    }


def _plane(plane: Plane | None) -> dict[str, float | None]:
    """Complexity, expressivity and optimality, each with its interval and spread over seeds."""
    cells: dict[str, float | None] = {}
    for name in ("complexity", "expressivity", "optimality"):
        figure: Figure | None = getattr(plane, name, None)
        interval = figure.interval if figure else None
        cells[name] = figure.value if figure else None
        cells[f"{name}_low95"] = interval.low if interval else None
        cells[f"{name}_high95"] = interval.high if interval else None
        cells[f"{name}_spread"] = figure.spread if figure else None
    return cells


def compressor_row(rate: CompressorRate) -> dict[str, object]:
    return {
        "compressor": rate.text.name,
        "settings": settings_text(rate.text),
        "version": rate.text.version,
        "corpus": rate.corpus,
        "bits_per_byte": rate.whole,
        "document_bits_per_byte": rate.alone,
        "low95": rate.interval.low if rate.interval else None,
        "high95": rate.interval.high if rate.interval else None,
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
        for found in layer.information:
            row: dict[str, object] = {
                **shared,
                "unit_of_labels": found.unit,
                "side": found.side,
                "order": found.order,
                "null_deviation": fmean(found.null_deviation),
                "null_error": fmean(found.null_error),
                "standard_error": found.standard_error,
            }
            corrected = [a - b for a, b in zip(found.plug_in, found.null, strict=True)]
            named = {"plug_in": found.plug_in, "null": found.null, "corrected": corrected}
            for name, values in named.items():
                row[name] = fmean(values)
                row[f"{name}_spread"] = _deviation(values)
            rows.append(row)
    return rows


def _deviation(values: Sequence[float]) -> float | None:
    """Standard deviation over seeds; None where there is one alone."""
    if len(values) < 2:
        return None
    mean = fmean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


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
                "model": one.model,
                "other": one.other,
                "corpus": one.corpus,
                "dtype": one.dtype,
                "documents": one.documents,
                "difference": one.difference,
                "low95": one.interval.low,
                "high95": one.interval.high,
            }
            for one in comparisons
        ]
    )
