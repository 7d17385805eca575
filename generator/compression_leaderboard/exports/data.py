"""The folder data/: every table in every format, its descriptors, licences and checksums."""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from compression_leaderboard.exchange.strict_json import as_json
from compression_leaderboard.exports.columns import ORIGINS, Table
from compression_leaderboard.exports.croissant import croissant
from compression_leaderboard.exports.dictionary import json_schema, table_schema
from compression_leaderboard.exports.formats import conform, write_table
from compression_leaderboard.exports.frames import frame_makers
from compression_leaderboard.exports.licences import licence_notice
from compression_leaderboard.exports.package import checksums, data_package, table_metadata
from compression_leaderboard.fits.studied_board import StudiedBoard


class Tables(Mapping[str, pa.Table]):
    """Every table as the dictionary describes it, made whenever it is asked for."""

    def __init__(self, dictionary: Mapping[str, Table], board: StudiedBoard) -> None:
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
    board: StudiedBoard, dictionary: Mapping[str, Table], tables: Mapping[str, pa.Table]
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
