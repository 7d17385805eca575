"""A release of the data: one folder with tables, records, descriptions and what changed, and the
same as an archive. Nothing in it depends on when or where it is made."""

from collections.abc import Mapping

from generator.export.board import Board
from generator.export.changes import Changes, changes_json, changes_markdown
from generator.export.cite import export_citation, zenodo_json
from generator.export.files import export_files
from generator.export.licences import licence_notice
from generator.export.package import TITLE, as_json, checksums

README = """# {title}: data of {day}

Made by `leaderboard release` from commit {commit}.

- `data/`: every table as CSV, JSON and Parquet (the longest as Parquet alone), the data dictionary,
  a Data Package and a Croissant description. Start with `data/datapackage.json`, or with the
  download page of the site.
- `runs/`, `results/`: what was measured and every record, as they stand in the commit. The folder
  is a repository to the commands: `leaderboard diff` compares it with another.
- `CHANGES.md`, `changes.json`: what changed since {since}.
- `LICENCE.txt`, `CITATION.cff`, `citation.bib`: how it may be used, how to cite it.
- `SHA256SUMS`: `sha256sum --check SHA256SUMS`.
"""


def release_name(commit_date: str) -> str:
    """The name of a release, after the day of its commit."""
    return f"data-{commit_date[:10]}"


def make_release(
    board: Board, sources: Mapping[str, bytes], changes: Changes | None
) -> dict[str, bytes]:
    """Every file of the release by path. sources: the files of runs/ and results/ in the commit;
    changes: since the release before, None for the first."""
    name, day = release_name(board.commit_date), board.commit_date[:10]
    exported = export_files(board)
    files = {path: c for path, c in exported.items() if path.startswith("data/")}
    files |= sources
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
