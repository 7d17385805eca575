"""The folder data/: every table in every format, described for people, tools and search engines.

Descriptions are a Data Package with Table Schemas, JSON Schemas, Croissant 1.0, schema.org's
Dataset and our own dictionary, with licences and checksums.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

from compression_leaderboard import TITLE
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.exchange.strict_json import as_json
from compression_leaderboard.exports.formats import format_table, to_arrow
from compression_leaderboard.exports.tables import ORIGINS, OURS, Field, Table, Type
from compression_leaderboard.fits.study import StudiedBoard
from compression_leaderboard.records.published import Citation
from compression_leaderboard.wording import printable

Json = dict[str, object]

NAME = "llm-compression-leaderboard"
AUTHOR = f"The {TITLE} maintainers"
ABSTRACT = (
    "How well language models compress, with and without loss, measured; benchmark scores of the "
    "same models; and figures that others published, each with its source and licence."
)
KEYWORDS = ["language models", "compression", "bits per byte", "evaluation"]
OURS_ADDRESS = "https://creativecommons.org/licenses/by/4.0/"
OURS_TITLE = "Creative Commons Attribution 4.0 International"
OUR_LICENCE = {"name": OURS, "title": OURS_TITLE, "path": OURS_ADDRESS}
MEDIA = {
    "csv": "text/csv",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}


def export_data(board: StudiedBoard, tables: Mapping[str, Table]) -> dict[str, bytes]:
    """Make every file below data/ by its path."""
    files: dict[str, bytes] = {}
    # The longest tables, which are Parquet alone, come first: while few files take memory.
    for table in sorted(tables.values(), key=lambda table: "csv" in table.formats):
        metadata = {
            "name": table.name,
            "title": table.title,
            "licenses": _licences(table, board.cohorts),
            "commit": board.commit,
            "commit_date": board.commit_date,
            "schema": _table_schema(table),
        }
        files |= format_table(table, to_arrow(table, table.rows(board)), metadata)
    for name, table in tables.items():
        if "json" in table.formats:
            files[f"schemas/{name}.schema.json"] = as_json(_json_schema(table))
    files["dictionary.json"] = as_json(_dictionary(tables))
    files["LICENCE.txt"] = licence_notice(board.cohorts).encode()
    files["datapackage.json"] = as_json(_data_package(tables, files, board))
    files["croissant.json"] = as_json(_croissant(tables, files, board))
    files["SHA256SUMS"] = checksums(files)
    return files


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def checksums(files: Mapping[str, bytes]) -> bytes:
    """Write the lines that `sha256sum --check` reads."""
    return "".join(f"{_sha256(files[path])}  {path}\n" for path in sorted(files)).encode()


def _citations(cohorts: Sequence[Cohort]) -> list[Citation]:
    """List the sources of all published figures, each once."""
    return list(dict.fromkeys(c for cohort in cohorts for c in cohort.citations))


def licence_notice(cohorts: Sequence[Cohort]) -> str:
    """Name the licences in words, for files that have no other place for them."""
    lines = [
        "Measurements of this project (rows whose data_licence is CC-BY-4.0):",
        f"{OURS_TITLE}, {OURS_ADDRESS}",
        "",
        "Figures that others published keep the licence of their source:",
    ]
    for cohort in cohorts:
        for citation in cohort.citations:
            line = f"- {cohort.name}: {citation.licence}. {citation.text} {citation.url}"
            lines.append(printable(line, " "))
    lines += [
        "",
        "Imported result files (the table imported) state no licence: their content belongs to",
        "whoever made them.",
    ]
    return "\n".join(lines) + "\n"


def _licences(table: Table, cohorts: Sequence[Cohort]) -> list[dict[str, str]]:
    """List all licences that rows of the table are under; the column data_licence says which."""
    if table.licence == "unstated":
        return [{"name": "other-closed", "title": "Not stated by the imported files"}]
    if table.licence == "ours":
        return [OUR_LICENCE]
    return [OUR_LICENCE] + [
        {
            "name": citation.licence,
            "title": f"Licence of the source {cohort.name}: {citation.text}",
            "path": citation.url,
        }
        for cohort in cohorts
        for citation in cohort.citations
    ]


def _table_schema(table: Table, *, guarded: bool = False) -> Json:
    """Describe columns as Table Schema (Data Package v2). guarded: for CSV, with guarded texts."""
    return {
        "fields": [_table_field(field, guarded) for field in table.fields],
        "primaryKey": [name for name in table.key if not table.field(name).nullable],
        "missingValues": [""],
    }


def _table_field(field: Field, guarded: bool) -> Json:
    members: Json = {
        "name": field.name,
        "type": field.type,
        "description": field.description,
        "unit": field.unit,
        "better": field.better,
        "origin": ORIGINS[field.origin],
        "guarded": True if guarded and field.guarded else None,
        "constraints": None if field.nullable else {"required": True},
    }
    return {name: value for name, value in members.items() if value is not None}


def _described(field: Field) -> str:
    return f"{field.description} ({field.unit})" if field.unit else field.description


DRAFT = "https://json-schema.org/draft/2020-12/schema"


def property_schema(field: Field) -> Json:
    """Describe a column's values in JSON."""
    kind = "string" if field.type == "date" else field.type
    members: Json = {"type": [kind, "null"] if field.nullable else kind}
    if field.choices:
        members["enum"] = [*field.choices, *([None] if field.nullable else [])]
    elif field.type == "string":
        members["minLength"] = 1
    elif field.type == "date":
        members["format"] = "date"
    return members | {"description": _described(field)}


def _json_schema(table: Table) -> Json:
    """Describe the table's JSON file."""
    row = {
        "type": "object",
        "description": table.title,
        "properties": {field.name: property_schema(field) for field in table.fields},
        "required": [field.name for field in table.fields],
        "additionalProperties": False,
    }
    return {
        "$schema": DRAFT,
        "title": f"{table.name}.json",
        "type": "object",
        "properties": {"data": {"type": "array", "items": row}},
        "required": ["name", "title", "licenses", "schema", "data"],
    }


def _dictionary(tables: Mapping[str, Table]) -> Json:
    """Describe every column once, for programs, as the download page does for people."""
    described = [
        {
            "name": table.name,
            "title": table.title,
            "files": table.paths,
            "schema": _table_schema(table, guarded=True),
        }
        for table in tables.values()
    ]
    return {"origins": ORIGINS, "tables": described}


def _data_package(
    tables: Mapping[str, Table], files: Mapping[str, bytes], board: StudiedBoard
) -> Json:
    """Describe each table as a resource, which names the same table in other formats."""
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": NAME,
        "title": TITLE,
        "description": ABSTRACT,
        "created": board.commit_date,
        "version": board.commit[:12],
        "keywords": KEYWORDS,
        "licenses": [OUR_LICENCE],
        "sources": [{"title": c.text, "path": c.url} for c in _citations(board.cohorts)],
        "contributors": [{"title": AUTHOR, "roles": ["author"]}],
        "resources": [_resource(table, files, board) for table in tables.values()],
    }


def _resource(table: Table, files: Mapping[str, bytes], board: StudiedBoard) -> Json:
    first, *others = [
        {
            "path": path,
            "format": form,
            "mediatype": MEDIA[form],
            "bytes": len(files[path]),
            "hash": f"sha256:{_sha256(files[path])}",
        }
        for form, path in table.paths.items()
    ]
    resource: Json = {"name": table.name, "title": table.title, **first}
    if first["format"] == "csv":
        schema = _table_schema(table, guarded=True)
        resource |= {"type": "table", "encoding": "utf-8", "schema": schema}
    else:  # frictionless reads no Parquet, and would find another size than this
        del resource["bytes"], resource["hash"]
    resource["licenses"] = _licences(table, board.cohorts)
    return resource | ({"otherFormats": others} if others else {})


CROISSANT_TYPES: dict[Type, str] = {
    "string": "sc:Text",
    "number": "sc:Float",
    "integer": "sc:Integer",
    "boolean": "sc:Boolean",
    "date": "sc:Date",
}
# The context that the specification prescribes.
CROISSANT_TERMS = (
    "citeAs column equivalentProperty extract field fileProperty fileObject fileSet format "
    "includes isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated "
    "replace samplingRate separator source subField transform"
)
CROISSANT_CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in CROISSANT_TERMS.split()},
}


def _croissant(
    tables: Mapping[str, Table], files: Mapping[str, bytes], board: StudiedBoard
) -> Json:
    """Describe the Parquet files, which keep types and precision, as record sets."""
    return {
        "@context": CROISSANT_CONTEXT,
        "@type": "sc:Dataset",
        **_about(board),
        "creator": {"@type": "sc:Organization", "name": AUTHOR},
        "citeAs": f"{AUTHOR}. {TITLE}. Commit {board.commit[:12]}.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": path,
                "name": path,
                "contentUrl": path,
                "contentSize": f"{len(files[path])} B",
                "encodingFormat": "application/x-parquet",  # the name that mlcroissant reads it by
                "sha256": _sha256(files[path]),
            }
            for path in (table.paths["parquet"] for table in tables.values())
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": table.name,
                "name": table.name,
                "description": table.title,
                "field": [_croissant_field(table, field) for field in table.fields],
            }
            for table in tables.values()
        ],
    }


def _croissant_field(table: Table, field: Field) -> Json:
    return {
        "@type": "cr:Field",
        "@id": f"{table.name}/{field.name}",
        "name": field.name,
        "description": _described(field),
        "dataType": CROISSANT_TYPES[field.type],
        "source": {
            "fileObject": {"@id": table.paths["parquet"]},
            "extract": {"column": field.name},
        },
    }


def _about(board: StudiedBoard) -> Json:
    """Describe the data set in terms that Croissant and schema.org share."""
    published = [f"{c.licence} ({c.url})" for c in _citations(board.cohorts)]
    return {
        "name": TITLE,
        "description": ABSTRACT,
        "keywords": KEYWORDS,
        "license": [OURS_ADDRESS, *published],
        "datePublished": board.commit_date,
        "version": f"0.0.0+{board.commit[:12]}",
    }


def dataset_json_ld(tables: Mapping[str, Table], board: StudiedBoard) -> str:
    """Make schema.org's Dataset for a page's script element; nothing in it ends the element.

    Paths of files are relative to that page.
    """
    description = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        **_about(board),
        "creator": {"@type": "Organization", "name": AUTHOR},
        "isAccessibleForFree": True,
        "variableMeasured": ["bits per byte", "optimality", "benchmark score"],
        "distribution": [
            {
                "@type": "DataDownload",
                "name": path,
                "contentUrl": f"../data/{path}",
                "encodingFormat": MEDIA[form],
            }
            for table in tables.values()
            for form, path in table.paths.items()
        ],
    }
    text = json.dumps(description, ensure_ascii=False, indent=1)
    for mark in ("<", ">", "&"):
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text
