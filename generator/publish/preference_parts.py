"""Preference information on a model's page."""

import numpy as np

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.publish.measured_parts import source_line
from generator.publish.text import counted, escape, number, table, with_interval, with_spread
from generator.records.preferences import Preference
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
        f"Preference information layer by layer, {counted(measured.pairs, 'pair')}. In units of "
        f"ln(bins); means over {len(measured.layers[0].plug_in)} anchor seeds; ± standard error "
        "over pairs"
    )
    return table(f"preference-{name}", caption, header, rows)
