"""The CSV files and their columns: one dictionary that the files and the documentation share."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from generator.files.results import StoredResult
from generator.plan import latest_results
from generator.publish.text import escape, table
from generator.records.results import Result
from generator.tables.cohorts import Cohort
from generator.tables.derive import bits_interval, place_on_plane


@dataclass(frozen=True)
class Field:
    """A column of a download."""

    unit: str
    description: str


FIELDS: dict[str, Field] = {
    "cohort": Field("–", "the set of models that the row may be compared within"),
    "provenance": Field("–", "measured here or published by others"),
    "model": Field("–", "the model's id; @ and a quantization mark weights that are not original"),
    "name": Field("–", "org/model"),
    "family": Field("–", "models trained in the same way by the same team"),
    "parameters": Field("parameters", "number of parameters"),
    "training_tokens": Field("tokens", "tokens seen in training"),
    "training_flop": Field(
        "FLOP", "training compute; 6 · parameters · tokens for models measured here"
    ),
    "compression": Field("see unit", "mean over the cohort's texts; lower is better"),
    "score": Field("fraction", "mean over the cohort's benchmarks; empty unless all are known"),
    "column": Field("–", "the benchmark or the text"),
    "label": Field("–", "its name on the board"),
    "value": Field("see unit", "the figure"),
    "unit": Field("–", "unit of the value"),
    "revision": Field("–", "commit, or sha256- and 40 hex of the weights' hash"),
    "tokens_seen": Field("tokens", "training tokens at this checkpoint"),
    "corpus": Field("–", "the text"),
    "bits_per_byte": Field("bits/byte", "cost of the text; lower is better"),
    "low95": Field("bits/byte", "lower end of the 95 % document bootstrap"),
    "high95": Field("bits/byte", "upper end of it"),
    "bytes": Field("bytes", "UTF-8 bytes scored"),
    "documents": Field("documents", "number of documents scored"),
    "failing_bytes": Field("bytes", "bytes that the tokenizer does not give back"),
    "dtype": Field("–", "number format of the forward pass"),
    "order": Field("tokens", "length of the n-gram labels"),
    "layer": Field("–", "0 is the embedding"),
    "side": Field("–", "input: n-grams that end at a position; output: those that follow"),
    "entropy": Field("ln(bins)", "soft entropy H(Z), mean over anchor seeds"),
    "plug_in": Field("ln(bins)", "plug-in information, mean over anchor seeds"),
    "null": Field("ln(bins)", "what labels independent of Z would give"),
    "corrected": Field("ln(bins)", "plug_in − null"),
    "corrected_spread": Field("ln(bins)", "standard deviation of corrected over anchor seeds"),
    "complexity": Field("ln(bins)", "corrected I(X;Z), mean over layers 1 to L"),
    "expressivity": Field("ln(bins)", "corrected I(Y;Z), mean over layers 1 to L"),
    "optimality": Field("ratio", "expressivity / complexity; empty near complexity 0"),
    "optimality_spread": Field("ratio", "standard deviation over anchor seeds"),
    "record": Field("–", "the record that the row comes from, below records/"),
}

FILES = {
    "leaderboard.csv": "One row a model and cohort: identity and means.",
    "scores.csv": "One row a model, cohort and benchmark.",
    "compression.csv": "One row a measured revision and text, checkpoints included.",
    "information_plane.csv": "One row a measured final revision, text, layer, side and order.",
}


def render_downloads(
    cohorts: Sequence[Cohort], stored: Sequence[StoredResult], final: Mapping[str, str]
) -> dict[str, bytes]:
    """The CSV files by name. final: each measured model's id and its final revision."""
    latest = sorted(latest_results(stored).values(), key=lambda entry: entry.file)
    scored = [entry for entry in latest if entry.result.kind == "corpus"]
    at_the_end = [e for e in scored if final.get(e.result.model) == e.result.revision]
    frames = {
        "leaderboard.csv": _leaderboard(cohorts),
        "scores.csv": _scores(cohorts),
        "compression.csv": pd.DataFrame([_compression(entry) for entry in scored]),
        "information_plane.csv": pd.DataFrame(
            [row for entry in at_the_end for row in _layers(entry.result)]
        ),
    }
    return {name: to_csv(frame) for name, frame in frames.items()}


def to_csv(frame: pd.DataFrame) -> bytes:
    """UTF-8, six significant digits, nothing where unknown; texts that a spreadsheet would run
    as a formula get an apostrophe in front."""
    guarded = frame.copy()
    for name in guarded.columns:
        if not pd.api.types.is_numeric_dtype(guarded[name]):
            guarded[name] = guarded[name].map(_guard)
    stream = io.StringIO()
    guarded.to_csv(stream, index=False, float_format="%.6g", lineterminator="\n")
    return stream.getvalue().encode()


def _guard(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t"):
        return f"'{value}"
    return value


def _leaderboard(cohorts: Sequence[Cohort]) -> pd.DataFrame:
    columns = ["model", "name", "family", "parameters", "training_tokens", "training_flop"]
    parts = []
    for cohort in cohorts:
        part = cohort.rows[[*columns, "compression", "score"]].copy()
        part.insert(0, "cohort", cohort.name)
        part.insert(1, "provenance", cohort.provenance)
        part.insert(len(part.columns) - 1, "unit", cohort.compression[0].unit)
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _scores(cohorts: Sequence[Cohort]) -> pd.DataFrame:
    rows = [
        {
            "cohort": cohort.name,
            "provenance": cohort.provenance,
            "model": row["model"],
            "column": column.name,
            "label": column.label,
            "value": row[column.name],
            "unit": column.unit,
        }
        for cohort in cohorts
        for _, row in cohort.rows.iterrows()
        for column in (*cohort.compression, *cohort.scores)
        if pd.notna(row[column.name])
    ]
    return pd.DataFrame(rows)


def _compression(entry: StoredResult) -> dict[str, object]:
    result = entry.result
    assert result.lossless is not None  # a corpus record that counts has a lossless side
    interval = bits_interval(result.lossless)
    plane = place_on_plane(result.lossy, 1) if result.lossy else None
    return {
        "model": result.model,
        "revision": result.revision,
        "tokens_seen": result.tokens_seen,
        "corpus": result.name,
        "bits_per_byte": result.lossless.bits_per_byte,
        "low95": interval.low if interval else None,
        "high95": interval.high if interval else None,
        "bytes": sum(d.bytes for d in result.lossless.documents),
        "documents": len(result.lossless.documents),
        "failing_bytes": result.lossless.failing_bytes,
        "complexity": plane.complexity if plane else None,
        "expressivity": plane.expressivity if plane else None,
        "optimality": plane.optimality if plane else None,
        "optimality_spread": plane.optimality_spread if plane else None,
        "dtype": result.environment.dtype,
        "record": result.file,
    }


def _layers(result: Result) -> list[dict[str, object]]:
    if result.lossy is None:
        return []
    rows: list[dict[str, object]] = []
    for layer in result.lossy.layers:
        for found in layer.information:
            plug_in, null = pd.Series(found.plug_in), pd.Series(found.null)
            rows.append(
                {
                    "model": result.model,
                    "revision": result.revision,
                    "corpus": result.name,
                    "layer": layer.layer,
                    "side": found.side,
                    "order": found.order,
                    "entropy": pd.Series(layer.entropy).mean(),
                    "plug_in": plug_in.mean(),
                    "null": null.mean(),
                    "corrected": (plug_in - null).mean(),
                    "corrected_spread": (plug_in - null).std(),
                }
            )
    return rows


def render_dictionary(files: Mapping[str, bytes]) -> str:
    """The download page's parts: a link to each file, and its columns explained."""
    parts = []
    for name in sorted(files):
        header = files[name].decode().splitlines()[0].split(",")
        rows = [
            [f"<code>{c}</code>", escape(FIELDS[c].unit), escape(FIELDS[c].description)]
            for c in header
            if c in FIELDS
        ]
        columns = [("Column", False), ("Unit", False), ("Meaning", False)]
        parts.append(
            f'<h2><a href="../data/{name}" download>{name}</a></h2><p>{escape(FILES[name])}</p>'
            + table(name.removesuffix(".csv"), f"Columns of {name}", columns, rows)
        )
    return "\n".join(parts)
