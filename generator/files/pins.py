"""Write resolved dataset revisions into a suite's file, leaving the rest of it as it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomlkit

from generator.files.results import write_atomically


def pin_datasets(path: Path, resolve: Callable[[str], str]) -> list[tuple[str, str]]:
    """Fill every empty dataset revision of a suite; return what was pinned.

    resolve: from the name of a dataset to its commit; one look-up for each name.
    """
    document: Any = tomlkit.parse(path.read_text("utf-8"))
    known: dict[str, str] = {}
    for task in document.get("tasks", []):
        dataset = task["dataset"]
        if dataset["revision"] == "":
            name = str(dataset["path"])
            if name not in known:
                known[name] = resolve(name)
            dataset["revision"] = known[name]
    if known:
        write_atomically(path, tomlkit.dumps(document).encode())
    return sorted(known.items())
