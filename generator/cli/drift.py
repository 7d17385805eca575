"""`leaderboard drift`."""

import json
from pathlib import Path

from generator.cli.app import AsJson, AsMarkdown, Root, app, valid_specs
from generator.files.results import read_results


@app.command()
def drift(
    root: Root = Path(),
    as_json: AsJson = False,
    markdown: AsMarkdown = False,
) -> None:
    """Say what the sentinel measured over time, and whether it has drifted from its first record.

    Example: `leaderboard drift`
    """
    from generator.publish.sentinel_parts import drift_json, drift_markdown, drift_text
    from generator.tables.drift import read_sentinel

    specs = valid_specs(root)
    readings = read_sentinel(specs, read_results(root, "measured")[0])
    if as_json:
        print(json.dumps(drift_json(readings), indent=1, ensure_ascii=False))
    elif markdown:
        print(drift_markdown(specs, readings), end="")
    else:
        print(drift_text(specs, readings), end="")
