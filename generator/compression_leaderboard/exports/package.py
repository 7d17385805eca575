"""The Data Package: its descriptor, the licences of each table, and checksums."""

import hashlib
from collections.abc import Mapping, Sequence

from compression_leaderboard import TITLE
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.exports.columns import Table
from compression_leaderboard.exports.dictionary import table_schema
from compression_leaderboard.exports.licences import (
    OURS,
    OURS_ADDRESS,
    OURS_TITLE,
    published_citations,
)
from compression_leaderboard.fits.studied_board import StudiedBoard

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
NAME = "llm-compression-leaderboard"
AUTHOR = f"The {TITLE} maintainers"
ABSTRACT = (
    "How well language models compress, with and without loss, measured; benchmark scores of the "
    "same models; and figures that others published, each with its source and licence."
)
KEYWORDS = ("language models", "compression", "bits per byte", "evaluation")
# Tables that also hold, or are computed from, what others published.
MIXED = ("models", "leaderboard", "scores", "predictions", "fits", "correlations", "residuals")
MEDIA = {
    "csv": "text/csv",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}


def licenses_of(table: Table, cohorts: Sequence[Cohort]) -> list[dict[str, str]]:
    """All licences that rows of the table are under; the column data_licence says which."""
    if table.name == "imported":
        return [{"name": "other-closed", "title": "Not stated by the imported files"}]
    licences = [{"name": OURS, "title": OURS_TITLE, "path": OURS_ADDRESS}]
    if table.name in MIXED:
        licences += [
            {
                "name": citation.licence,
                "title": f"Licence of the source {cohort.name}: {citation.text}",
                "path": citation.url,
            }
            for cohort in cohorts
            if cohort.provenance == "published"
            for citation in cohort.citations
        ]
    return licences


def table_metadata(table: Table, board: StudiedBoard) -> dict[str, object]:
    """What a table's JSON and Parquet files say about it."""
    return {
        "name": table.name,
        "title": table.title,
        "licenses": licenses_of(table, board.cohorts),
        "commit": board.commit,
        "commit_date": board.commit_date,
        "schema": table_schema(table),
    }


def data_package(
    dictionary: Mapping[str, Table], files: Mapping[str, bytes], board: StudiedBoard
) -> dict[str, object]:
    """The descriptor: a resource for each table, which names the same table in other formats."""
    resources = [_resource(table, files, board) for table in dictionary.values()]
    return {
        "$schema": PROFILE,
        "name": NAME,
        "title": TITLE,
        "description": ABSTRACT,
        "created": board.commit_date,
        "version": board.commit[:12],
        "keywords": list(KEYWORDS),
        "licenses": [{"name": OURS, "title": OURS_TITLE, "path": OURS_ADDRESS}],
        "sources": [
            {"title": c.text, "path": c.url} for c in published_citations(board.cohorts)
        ],
        "contributors": [{"title": AUTHOR, "roles": ["author"]}],
        "resources": resources,
    }  # fmt: skip


def _resource(table: Table, files: Mapping[str, bytes], board: StudiedBoard) -> dict[str, object]:
    first, *others = table.formats
    found = {"name": table.name, "title": table.title} | _file(table, first, files)
    if first == "csv":
        schema = table_schema(table, guarded=True)
        found |= {"type": "table", "encoding": "utf-8", "schema": schema}
    else:  # frictionless reads no Parquet, and would find another size than this
        del found["bytes"], found["hash"]
    found["licenses"] = licenses_of(table, board.cohorts)
    if others:
        found["otherFormats"] = [_file(table, form, files) for form in others]
    return found


def _file(table: Table, form: str, files: Mapping[str, bytes]) -> dict[str, object]:
    path = table.paths[form]
    return {
        "path": path,
        "format": form,
        "mediatype": MEDIA[form],
        "bytes": len(files[path]),
        "hash": f"sha256:{hashlib.sha256(files[path]).hexdigest()}",
    }


def checksums(files: Mapping[str, bytes]) -> bytes:
    """Lines that `sha256sum --check` reads."""
    lines = [f"{hashlib.sha256(content).hexdigest()}  {path}" for path, content in files.items()]
    return "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line[66:])).encode()
