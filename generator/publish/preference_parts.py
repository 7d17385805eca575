"""Preference information on a model's page and in the downloads."""

import numpy as np

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.publish.measured_parts import source_line
from generator.publish.text import escape, number, table, with_interval, with_spread
from generator.records.preferences import Preference
from generator.records.results import Result
from generator.tables.preferences import corrected, corrected_error, preference_figure


def render_preference(entry: StoredResult, specs: Specs) -> str:
    """The section of one record: the model's figure with its interval, then layer by layer."""
    result = entry.result
    if (measured := result.preference) is None:
        return ""
    pairs = specs.preferences.get(result.name)
    found = preference_figure(measured)
    facts = [
        ("Preference information (higher: more)", with_interval(found.value, found.interval)),
        ("Layer 0, words alone", with_interval(found.lexical, found.lexical_interval)),
        ("Beyond the words alone", with_interval(found.beyond_lexical, found.beyond_interval)),
        ("Pairs", f"{measured.pairs}, {measured.left_out} left out"),
        ("Completion tokens", str(measured.completion_tokens)),
    ]
    if pairs is not None:
        facts.append(("Text of the pairs", f"{pairs.domain}; {pairs.licence}"))
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts)
    title = f"Preference information: {pairs.title if pairs else result.name}"
    return (
        f'<h2 id="corpus-{escape(result.name)}">{escape(title)}</h2>'
        f'<dl class="facts">{rows}</dl>{_layers(result.name, measured)}'
        f"{source_line(entry, specs)}"
    )


def _layers(name: str, measured: Preference) -> str:
    header = [("Layer", False)] + [
        (label, True) for label in ("Plug-in", "Null", "Swap deviation", "Corrected")
    ]
    rows = [
        [
            str(layer.layer) if layer.layer else "0 (embedding)",
            number(float(np.mean(layer.plug_in)), 6),
            number(float(np.mean(layer.null)), 6),
            number(float(np.mean(layer.null_deviation)), 6),
            with_spread(float(corrected(layer).mean()), corrected_error(layer)),
        ]
        for layer in measured.layers
    ]
    caption = (
        "Preference information layer by layer, in units of ln(bins): means over "
        f"{len(measured.layers[0].plug_in)} anchor seeds; ± standard error over pairs"
    )
    return table(f"preference-{name}", caption, header, rows)


def preference_row(result: Result) -> dict[str, object]:
    """A line of preferences.csv."""
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
        "record": result.file,
    }


def preference_layer_rows(result: Result) -> list[dict[str, object]]:
    """The lines of preference_layers.csv that one record gives."""
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
