"""The folder data/: tables in every format, the Data Package, licences and checksums."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from compression_leaderboard.board.board import Board
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.exports.columns import ORIGINS, Table
from compression_leaderboard.exports.croissant import croissant
from compression_leaderboard.exports.dictionary import json_schema, table_schema
from compression_leaderboard.exports.formats import conform, write_table
from compression_leaderboard.exports.frames import frame_makers
from compression_leaderboard.records.published import Citation

OURS = "CC-BY-4.0"
NOT_STATED = "not stated"  # of imported files: that of whoever ran the harness
OURS_TITLE = "Creative Commons Attribution 4.0 International"
OURS_ADDRESS = "https://creativecommons.org/licenses/by/4.0/"


def licence_of(cohort: Cohort) -> str:
    """Ours for what was measured here; else those of all sources that a row draws on."""
    if cohort.provenance == "measured":
        return OURS
    return " AND ".join(dict.fromkeys(citation.licence for citation in cohort.citations))


def published_citations(cohorts: Sequence[Cohort]) -> list[Citation]:
    """The sources of all published figures, each once."""
    return list(dict.fromkeys(c for cohort in cohorts for c in cohort.citations))


def licence_notice(cohorts: Sequence[Cohort]) -> str:
    """The licences in words, for files that carry no licence of their own."""
    lines = [
        "Measurements of this project (rows whose data_licence is CC-BY-4.0):",
        f"{OURS_TITLE}, {OURS_ADDRESS}",
        "",
        "Figures that others published keep the licence of their source:",
    ]
    for cohort in cohorts:
        lines += [
            f"- {cohort.name}: {citation.licence}. {citation.text} {citation.url}"
            for citation in cohort.citations
        ]
    lines += [
        "",
        "Imported result files (the table imported) state no licence: what they hold stays with",
        "whoever made them.",
    ]
    return "\n".join(lines) + "\n"


PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
NAME = "llm-compression-leaderboard"
TITLE = "LLM Compression Leaderboard"
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
    found = [{"name": OURS, "title": OURS_TITLE, "path": OURS_ADDRESS}]
    if table.name in MIXED:
        for cohort in cohorts:
            if cohort.provenance == "published":
                for citation in cohort.citations:
                    title = f"Licence of the source {cohort.name}: {citation.text}"
                    licence = {"name": citation.licence, "title": title, "path": citation.url}
                    found.append(licence)
    return found


def table_metadata(table: Table, board: Board) -> dict[str, object]:
    """What stands inside a table's JSON and Parquet files."""
    return {
        "name": table.name,
        "title": table.title,
        "licenses": licenses_of(table, board.cohorts),
        "commit": board.commit,
        "commit_date": board.commit_date,
        "schema": table_schema(table),
    }


def data_package(
    dictionary: Mapping[str, Table], files: Mapping[str, bytes], board: Board
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
        "contributors": [{"title": f"The {TITLE} maintainers", "roles": ["author"]}],
        "resources": resources,
    }  # fmt: skip


def _resource(table: Table, files: Mapping[str, bytes], board: Board) -> dict[str, object]:
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


def as_json(value: object) -> bytes:
    """One line, UTF-8, as all descriptors and answers of ours are written."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()


def checksums(files: Mapping[str, bytes]) -> bytes:
    """Lines that `sha256sum --check` reads."""
    lines = [f"{hashlib.sha256(content).hexdigest()}  {path}" for path, content in files.items()]
    return "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line[66:])).encode()


class Tables(Mapping[str, pa.Table]):
    """Every table as the dictionary describes it, made whenever it is asked for."""

    def __init__(self, dictionary: Mapping[str, Table], board: Board) -> None:
        self.dictionary, self.makers = dictionary, frame_makers(board)
        differ = set(dictionary) ^ set(self.makers)
        assert not differ, f"tables differ: {differ}"

    def __getitem__(self, name: str) -> pa.Table:
        return conform(self.dictionary[name], self.makers[name]())

    def __iter__(self) -> Iterator[str]:
        return iter(self.dictionary)

    def __len__(self) -> int:
        return len(self.dictionary)


def export_data(
    board: Board, dictionary: Mapping[str, Table], tables: Mapping[str, pa.Table]
) -> dict[str, bytes]:
    """Every file below data/ by its path. tables: by name."""
    files: dict[str, bytes] = {}
    # The longest tables, which are Parquet alone, come first: while few files take memory.
    for name, table in sorted(dictionary.items(), key=lambda item: "csv" in item[1].formats):
        files |= write_table(table, tables[name], table_metadata(table, board))
    for name, table in dictionary.items():
        if "json" in table.formats:
            files[f"schemas/{name}.schema.json"] = as_json(json_schema(table))
    files["dictionary.json"] = as_json(_dictionary(dictionary))
    files["LICENCE.txt"] = licence_notice(board.cohorts).encode()
    files["datapackage.json"] = as_json(data_package(dictionary, files, board))
    files["croissant.json"] = as_json(croissant(dictionary, files, board))
    files["SHA256SUMS"] = checksums(files)
    return files


def _dictionary(dictionary: Mapping[str, Table]) -> dict[str, object]:
    """The dictionary for programs: what the download page says, once for each column."""
    tables = [
        {
            "name": t.name,
            "title": t.title,
            "files": t.paths,
            "schema": table_schema(t, guarded=True),
        }
        for t in dictionary.values()
    ]
    return {"origins": ORIGINS, "tables": tables}
