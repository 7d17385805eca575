"""Make every exported file by path, dated releases of the data, and how to cite them.

Nothing in a release depends on when or where it is made.
"""

from collections.abc import Mapping
from datetime import datetime

import yaml

from compression_leaderboard import TITLE
from compression_leaderboard.exchange.every_eval_ever import export_every_eval_ever
from compression_leaderboard.exchange.strict_json import as_json
from compression_leaderboard.exports.api import export_api
from compression_leaderboard.exports.changes import Changes, changes_json, changes_markdown
from compression_leaderboard.exports.descriptions import (
    ABSTRACT,
    AUTHOR,
    KEYWORDS,
    checksums,
    export_data,
    licence_notice,
)
from compression_leaderboard.exports.feed import export_badges, export_feed
from compression_leaderboard.exports.formats import pack
from compression_leaderboard.exports.tables import Table, make_tables
from compression_leaderboard.fits.study import StudiedBoard

NOTE = "Cite published figures by their own sources; data/LICENCE.txt lists them."


def export_citation(commit: str, commit_date: str, version: str | None = None) -> dict[str, bytes]:
    """Make CITATION.cff and citation.bib, by name. version: of a release; by default the commit."""
    day = commit_date[:10]
    shown = version or commit[:12]
    cff = {
        "cff-version": "1.2.0",
        "message": f"If you use the board's measurements, please cite it. {NOTE}",
        "title": TITLE,
        "abstract": ABSTRACT,
        "type": "dataset",
        "license": "CC-BY-4.0",
        "version": shown,
        "commit": commit,
        "date-released": datetime.fromisoformat(day).date(),
        "authors": [{"name": AUTHOR}],
        "keywords": KEYWORDS,
    }
    text = yaml.safe_dump(cff, sort_keys=False, allow_unicode=True, width=100)
    return {"CITATION.cff": text.encode(), "citation.bib": _bibtex(shown, commit, day).encode()}


def _bibtex(version: str, commit: str, day: str) -> str:
    year, month, _ = day.split("-")
    fields = {
        "author": f"{{{{{AUTHOR}}}}}",
        "title": f"{{{{{TITLE}}}}}",
        "year": f"{{{year}}}",
        "month": f"{{{month}}}",
        "version": f"{{{version}}}",
        "note": f"{{Commit {commit[:12]}. {NOTE}}}",
    }
    lines = [f"  {name} = {value}," for name, value in fields.items()]
    key = f"llm-compression-leaderboard-{day}"
    return "\n".join([f"@misc{{{key},", *lines, "}"]) + "\n"


def zenodo_json(version: str, day: str) -> bytes:
    """Make `.zenodo.json`, which describes a deposit to Zenodo."""
    return as_json(
        {
            "title": f"{TITLE}: data",
            "upload_type": "dataset",
            "description": ABSTRACT,
            "creators": [{"name": AUTHOR}],
            "access_right": "open",
            "license": "cc-by-4.0",
            "keywords": KEYWORDS,
            "notes": NOTE,
            "version": version,
            "publication_date": day,
        }
    )


def export_files(board: StudiedBoard) -> dict[str, bytes]:
    """Make every exported file by its path below the site's root."""
    tables = make_tables(board.cohorts)
    files = _data_files(board, tables) | export_api(board, tables)
    files |= export_badges(board) | export_feed(board)
    files["every-eval-ever.tar.gz"] = pack(export_every_eval_ever(board), board.commit_date)
    cited = export_citation(board.commit, board.commit_date)
    return files | {f"cite/{path}": content for path, content in cited.items()}


def _data_files(board: StudiedBoard, tables: Mapping[str, Table]) -> dict[str, bytes]:
    data = export_data(board, tables)
    return {f"data/{path}": content for path, content in data.items()}


README = """# {title}: data of {day}

Made by `leaderboard release` from commit {commit}.

- `data/`: every table as CSV, JSON and Parquet (the longest as Parquet alone), the data dictionary,
  a Data Package and a Croissant description. Start with `data/datapackage.json`, or with the
  download page of the site.
- `runs/`, `results/`: what was measured and every record, as the commit has them. The folder
  is a repository to the commands: `leaderboard diff` compares it with another.
- `CHANGES.md`, `changes.json`: what changed since {since}.
- `LICENCE.txt`, `CITATION.cff`, `citation.bib`: how it may be used, how to cite it.
- `SHA256SUMS`: `sha256sum --check SHA256SUMS`.
"""


def release_name(commit_date: str) -> str:
    """Name a release after the day of its commit."""
    return f"data-{commit_date[:10]}"


def make_release(
    board: StudiedBoard, sources: Mapping[str, bytes], changes: Changes | None
) -> dict[str, bytes]:
    """Make every file of a release by path.

    sources: the files of runs/ and results/ in the commit. changes: since the release before; None
    for the first.
    """
    name, day = release_name(board.commit_date), board.commit_date[:10]
    files = _data_files(board, make_tables(board.cohorts)) | dict(sources)
    files |= export_citation(board.commit, board.commit_date, name)
    files[".zenodo.json"] = zenodo_json(name, day)
    files["LICENCE.txt"] = licence_notice(board.cohorts).encode()
    since = changes.before if changes else "the beginning: this is the first release"
    readme = README.format(title=TITLE, day=day, commit=board.commit, since=since)
    files["README.md"] = readme.encode()
    files["CHANGES.md"] = b"The first release.\n"
    if changes is not None:
        files["CHANGES.md"] = changes_markdown(changes).encode()
        files["changes.json"] = as_json(changes_json(changes))
    files = dict(sorted(files.items()))
    return files | {"SHA256SUMS": checksums(files)}
