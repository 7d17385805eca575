"""Everything that the site is made of, read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from generator.files.imported import StoredImport, read_imported
from generator.files.ledger import read_ledger
from generator.files.pairs import read_pairs
from generator.files.published import PublishedTable, read_published
from generator.files.results import StoredResult, read_results
from generator.files.specs import Specs, read_specs
from generator.files.texts import read_texts
from generator.records.base import Problem
from generator.records.predictions import LoggedPrediction


@dataclass(frozen=True)
class Contents:
    """What runs/ and results/ hold."""

    specs: Specs
    stored: list[StoredResult]
    published: list[PublishedTable]
    imported: list[StoredImport]
    ledger: Sequence[LoggedPrediction] = ()


def read_contents(root: Path) -> tuple[Contents, list[Problem]]:
    """Every file that can be read, and every problem in the others."""
    specs, found = read_specs(root)
    for preference in specs.preferences.values():
        if preference.source.path is not None:
            found += read_pairs(root, preference)[1]
    for corpus in specs.corpora.values():
        if corpus.source.path is not None:
            found += read_texts(root, corpus.source.path)[1]
    published, wrong = read_published(root)
    imported, odd = read_imported(root)
    stored, broken = read_results(root, "measured")
    ledger, changed = read_ledger(root)
    contents = Contents(specs, stored, published, imported, ledger)
    return contents, sorted(found + wrong + odd + broken + changed)
