"""Write resolved dataset revisions into a spec, leaving the rest of it as it is."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tomlkit

from generator.files.results import write_atomically
from generator.records.suites import LOCAL_MIRROR


def pin_datasets(
    path: Path, resolve: Callable[[str], str], resolve_mirrored: Callable[[str], str]
) -> list[tuple[str, str]]:
    """Fill every empty dataset revision of a suite or corpus file; return what was pinned.

    resolve: from the name of a dataset to its commit; one look-up for each name.
    resolve_mirrored: to the hash of its documents, where a local mirror is the source.
    """
    document: Any = tomlkit.parse(path.read_text("utf-8"))
    known: dict[str, str] = {}
    for name, dataset in _datasets(document):
        if dataset.get("revision") == "":
            if name not in known:
                mirrored = dataset.get("source") == LOCAL_MIRROR
                known[name] = (resolve_mirrored if mirrored else resolve)(name)
            dataset["revision"] = known[name]
    if known:
        write_atomically(path, tomlkit.dumps(document).encode())
    return sorted(known.items())


def _datasets(document: Any) -> Iterator[tuple[str, Any]]:
    """Name and table of every dataset: those of a suite's tasks, or that of preference pairs."""
    for task in document.get("tasks", []):
        yield str(task["dataset"]["path"]), task["dataset"]
    if "hub" in (source := document.get("source", {})):
        yield str(source["hub"]), source
