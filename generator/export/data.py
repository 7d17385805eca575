"""The folder data/: every table in every format, its descriptors, licences and checksums."""

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from generator.export.board import Board
from generator.export.conform import conform
from generator.export.croissant import croissant
from generator.export.fields import ORIGINS, Table
from generator.export.formats import write_table
from generator.export.licences import licence_notice
from generator.export.package import as_json, checksums, data_package, table_metadata
from generator.export.schemas import json_schema, table_schema


def conform_all(
    dictionary: Mapping[str, Table], frames: Mapping[str, pd.DataFrame]
) -> dict[str, pa.Table]:
    """Every frame against the dictionary; tables and frames are the same set of names."""
    assert set(dictionary) == set(frames), f"tables differ: {set(dictionary) ^ set(frames)}"
    return {name: conform(table, frames[name]) for name, table in dictionary.items()}


def export_data(
    board: Board, dictionary: Mapping[str, Table], tables: Mapping[str, pa.Table]
) -> dict[str, bytes]:
    """Every file below data/ by its path. tables: conformed, by name."""
    files: dict[str, bytes] = {}
    for name, table in dictionary.items():
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
