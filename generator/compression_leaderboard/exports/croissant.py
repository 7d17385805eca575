"""Croissant 1.0: the tables as a data set that machine-learning tools load, and schema.org's
description of it for search engines.
"""

import hashlib
import json
from collections.abc import Mapping

from compression_leaderboard import TITLE
from compression_leaderboard.exports.columns import Field, Table, Type
from compression_leaderboard.exports.licences import OURS_ADDRESS, published_citations
from compression_leaderboard.exports.package import ABSTRACT, AUTHOR, KEYWORDS, MEDIA
from compression_leaderboard.fits.studied_board import StudiedBoard

TYPES: dict[Type, str] = {
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
CONTEXT: dict[str, object] = {
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


def croissant(
    dictionary: Mapping[str, Table], files: Mapping[str, bytes], board: StudiedBoard
) -> dict[str, object]:
    """The descriptor; record sets read the Parquet files, which keep types and precision."""
    tables = [table for table in dictionary.values() if "parquet" in table.formats]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        **_about(board),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "distribution": [_file(table.paths["parquet"], files) for table in tables],
        "recordSet": [_record_set(table) for table in tables],
    }


def _about(board: StudiedBoard) -> dict[str, object]:
    """What both descriptions say."""
    return {
        "name": TITLE,
        "description": ABSTRACT,
        "keywords": list(KEYWORDS),
        "license": [
            OURS_ADDRESS,
            *(f"{c.licence} ({c.url})" for c in published_citations(board.cohorts)),
        ],
        "creator": {"@type": "sc:Organization", "name": AUTHOR},
        "datePublished": board.commit_date,
        "version": f"0.0.0+{board.commit[:12]}",
        "citeAs": f"{AUTHOR}. {TITLE}. Commit {board.commit[:12]}.",
    }


def _file(path: str, files: Mapping[str, bytes]) -> dict[str, object]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{len(files[path])} B",
        "encodingFormat": "application/x-parquet",  # the name that mlcroissant reads it by
        "sha256": hashlib.sha256(files[path]).hexdigest(),
    }


def _record_set(table: Table) -> dict[str, object]:
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.title,
        "field": [_field(table, field) for field in table.fields],
    }


def _field(table: Table, field: Field) -> dict[str, object]:
    unit = f" ({field.unit})" if field.unit else ""
    return {
        "@type": "cr:Field",
        "@id": f"{table.name}/{field.name}",
        "name": field.name,
        "description": field.description + unit,
        "dataType": TYPES[field.type],
        "source": {
            "fileObject": {"@id": table.paths["parquet"]},
            "extract": {"column": field.name},
        },
    }


def dataset_json_ld(dictionary: Mapping[str, Table], board: StudiedBoard) -> str:
    """schema.org's Dataset for a page's script element, its files relative to that page.

    Nothing in it ends the element.
    """
    description = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        **{k: v for k, v in _about(board).items() if k != "citeAs"},
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
            for table in dictionary.values()
            for form, path in table.paths.items()
        ],
    }
    text = json.dumps(description, ensure_ascii=False, indent=1)
    for mark in ("<", ">", "&"):
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text
