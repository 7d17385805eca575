"""The CSV files."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.fits.evidence import Evidence
from generator.fits.frames import (
    correlation_frame,
    fit_frame,
    prediction_frame,
    residual_frame,
)
from generator.publish.columns import FIELDS, FILES
from generator.publish.comparison_parts import comparison_row
from generator.publish.compressor_rows import settings_text
from generator.publish.preference_parts import preference_layer_rows, preference_row
from generator.publish.text import escape, table
from generator.records.results import Result
from generator.tables.classical import CompressorRate, compressor_rates
from generator.tables.cohorts import Cohort
from generator.tables.comparisons import Comparison
from generator.tables.derive import Figure, Plane, bits_interval, place_on_plane
from generator.tables.measured import HEADLINE_ORDER, current_results
from generator.tables.trajectories import make_trajectories

IDENTITY = ("model", "name", "family", "parameters", "training_tokens", "training_flop")


def render_downloads(
    cohorts: Sequence[Cohort],
    specs: Specs,
    stored: Sequence[StoredResult],
    comparisons: Sequence[Comparison],
    evidence: Mapping[str, Evidence],
) -> dict[str, bytes]:
    """The CSV files by name. Only records of today's protocols are in them."""
    current = [e for e in current_results(specs, stored) if e.result.model in specs.models]
    texts = [e.result for e in current if e.result.lossless is not None]
    pairs = [e.result for e in current if e.result.preference is not None]
    final = [r for r in texts if specs.models[r.model].weights.revision == r.revision]
    frames = {
        "models.csv": _models(specs, cohorts),
        "leaderboard.csv": _leaderboard(cohorts),
        "scores.csv": _scores(cohorts),
        "compression.csv": pd.DataFrame([_compression(result, specs) for result in texts]),
        "information_plane.csv": pd.DataFrame([row for r in final for row in _layers(r)]),
        "compressors.csv": pd.DataFrame([_rate(r) for r in compressor_rates(specs, stored)]),
        "comparisons.csv": pd.DataFrame([comparison_row(one) for one in comparisons]),
        "preferences.csv": pd.DataFrame([preference_row(result) for result in pairs]),
        "preference_layers.csv": pd.DataFrame(
            [row for result in pairs for row in preference_layer_rows(result)]
        ),
        "trajectories.csv": make_trajectories(specs, stored),
        "predictions.csv": prediction_frame(evidence),
        "fits.csv": fit_frame(evidence),
        "correlations.csv": correlation_frame(evidence),
        "residuals.csv": residual_frame(evidence),
    }
    return {name: to_csv(frame) for name, frame in frames.items()}


def to_csv(frame: pd.DataFrame) -> bytes:
    """UTF-8, six significant digits, nothing where unknown; texts that a spreadsheet would run
    as a formula get an apostrophe in front. Whole numbers are written in full."""
    shown = frame.copy()
    for name in shown.columns:
        column = shown[name]
        if not pd.api.types.is_numeric_dtype(column):
            shown[name] = column.map(_guard)
        elif pd.api.types.is_float_dtype(column) and _counts(column):
            shown[name] = column.astype("Int64")
    stream = io.StringIO()
    shown.to_csv(stream, index=False, float_format="%.6g", lineterminator="\n")
    return stream.getvalue().encode()


def _counts(column: pd.Series) -> bool:
    """Whether a column of floats holds whole numbers beyond six digits, such as parameters."""
    known = column.dropna()
    return bool(len(known) and (known % 1 == 0).all() and 1e6 <= known.abs().max() < 2**53)


def _guard(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def _models(specs: Specs, cohorts: Sequence[Cohort]) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for _, model in sorted(specs.models.items()):
        weights = model.weights
        rows.append(
            {
                "provenance": "measured",
                "model": model.id,
                "name": model.name,
                "family": model.family,
                "kind": model.kind,
                "parameters": model.parameters,
                "training_tokens": model.training_tokens,
                "released": model.released.isoformat(),
                "licence": model.licence,
                "source": weights.hub or weights.package or weights.path,
                "revision": weights.revision,
                "quantization": weights.quantization,
                "page": f"models/{model.id}/",
            }
        )
    for cohort in cohorts:
        if cohort.provenance == "published":
            kept = ["model", "name", "family", "parameters", "training_tokens", "page"]
            for row in cohort.rows[kept].to_dict("records"):
                named = {str(k): v for k, v in row.items()}
                rows.append({"provenance": "published", "source": cohort.name} | named)
    return pd.DataFrame(rows)


def _leaderboard(cohorts: Sequence[Cohort]) -> pd.DataFrame:
    parts = []
    for cohort in cohorts:
        part = cohort.rows[list(IDENTITY)].copy()
        part.insert(0, "cohort", cohort.name)
        part.insert(1, "provenance", cohort.provenance)
        part["dtype"] = cohort.rows.get("dtype")
        part["compression"] = cohort.rows["compression"]
        part["unit"] = cohort.compression[0].unit if cohort.compression else None
        part["score"] = cohort.rows["score"]
        parts.append(part.astype({"dtype": object, "unit": object}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _scores(cohorts: Sequence[Cohort]) -> pd.DataFrame:
    rows = [
        {
            "cohort": cohort.name,
            "provenance": cohort.provenance,
            "model": row["model"],
            "dtype": row.get("dtype"),
            "column": column.name,
            "label": column.label,
            "value": row[column.name],
            "unit": column.unit,
            "chance": column.chance,
        }
        for cohort in cohorts
        for _, row in cohort.rows.iterrows()
        for column in (*cohort.compression, *cohort.preferences, *cohort.scores)
        if pd.notna(row[column.name])
    ]
    return pd.DataFrame(rows)


def _compression(result: Result, specs: Specs) -> dict[str, object]:
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
        "corpus_after_release": str(specs.corpora[result.name].begins > released).lower(),
        **_plane(plane),
        "dtype": result.environment.dtype,
        "record": result.file,
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


def _rate(rate: CompressorRate) -> dict[str, object]:
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


def _layers(result: Result) -> list[dict[str, object]]:
    if result.lossy is None:
        return []
    rows: list[dict[str, object]] = []
    for layer in result.lossy.layers:
        for found in layer.information:
            corrected = np.subtract(found.plug_in, found.null)
            row: dict[str, object] = {
                "model": result.model,
                "revision": result.revision,
                "corpus": result.name,
                "dtype": result.environment.dtype,
                "positions": result.lossy.positions,
                "layer": layer.layer,
                "unit_of_labels": found.unit,
                "side": found.side,
                "order": found.order,
                "entropy": np.mean(layer.entropy),
                "ceiling": np.mean(layer.ceiling),
                "effective_rank": layer.effective_rank,
                "null_deviation": np.mean(found.null_deviation),
                "null_error": np.mean(found.null_error),
                "standard_error": found.standard_error,
            }
            named = {"plug_in": found.plug_in, "null": found.null, "corrected": corrected}
            for name, values in named.items():
                row[name] = np.mean(values)
                row[f"{name}_spread"] = np.std(values, ddof=1) if len(values) > 1 else None
            rows.append(row)
    return rows


def render_dictionary(files: Mapping[str, bytes]) -> str:
    """The download page's parts: a link to each file, and its columns explained."""
    parts = []
    for name in FILES:
        header = files[name].decode().split("\n")[0].split(",")
        rows = [
            [f"<code>{escape(c)}</code>", escape(FIELDS[c].unit), escape(FIELDS[c].description)]
            for c in header
            if c in FIELDS
        ]
        columns = [("Column", False), ("Unit", False), ("Meaning", False)]
        parts.append(
            f'<h2><a href="../data/{name}" download>{name}</a></h2><p>{escape(FILES[name])}</p>'
        )
        if rows:
            plain = name.removesuffix(".csv")
            parts.append(table(f"columns-{plain}", f"Columns of {name}", columns, rows))
        else:
            parts.append("<p>No rows yet.</p>")
    return "\n".join(parts)
