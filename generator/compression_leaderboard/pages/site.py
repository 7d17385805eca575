"""Every generated file of the site by its path below build/."""

from collections.abc import Iterator, Mapping, Sequence

import yaml

from compression_leaderboard.board.comparisons import Comparison
from compression_leaderboard.board.trajectories import make_trajectories
from compression_leaderboard.choose.options import make_options
from compression_leaderboard.exports.feed import export_badges
from compression_leaderboard.exports.package import checksums
from compression_leaderboard.exports.release import export_files
from compression_leaderboard.fits.predict import find_yardstick
from compression_leaderboard.fits.studied_board import StudiedBoard
from compression_leaderboard.pages.board_table import board_json, make_board_table
from compression_leaderboard.pages.choose_page import render_choose, render_options
from compression_leaderboard.pages.compare_page import document_files, render_compare
from compression_leaderboard.pages.data_pages import (
    imported_path,
    render_corpora,
    render_downloads,
    render_import_list,
    render_imported,
)
from compression_leaderboard.pages.families_page import render_families
from compression_leaderboard.pages.glossary import MODEL, PAGES, terms_line
from compression_leaderboard.pages.leaderboard import first_board, render_cohort, render_home
from compression_leaderboard.pages.model_page import render_model, render_published
from compression_leaderboard.pages.plane_page import layer_files, render_bias, render_plane_page
from compression_leaderboard.pages.predict_page import (
    calculator_json,
    render_calculator,
    render_calibration,
    render_evidence,
    render_outcomes,
)
from compression_leaderboard.pages.reference import (
    Command,
    render_commands,
    render_file_fields,
    render_model_fields,
)
from compression_leaderboard.pages.reliability_page import render_moves, render_reliability
from compression_leaderboard.pages.standing import Standing, find_standings
from compression_leaderboard.pages.text import date_captions, escape
from compression_leaderboard.pages.text_amounts import render_amounts, render_costs
from compression_leaderboard.pages.trajectories_page import render_trajectories
from compression_leaderboard.repository.processes import Start, when_asked
from compression_leaderboard.repository.results import StoredResult, record_text

Files = dict[str, bytes]  # content by path
WIDTH = 2**31 - 1  # of a line that is never folded


def render_site(
    board: StudiedBoard,
    commands: Sequence[Command] = (),
    changelog: str = "",
    start: Start = when_asked,
) -> Files:
    """Pages, partials and data. Paths begin with docs/ or theme/; nothing depends on the clock.

    changelog: the project's own, as Markdown. start: begins to make the data, and the pages of
    models, while the other pages are made, and gives the function that waits for them.
    """
    exporting = start(lambda: export_files(board))
    files: Files = {}
    specs, stored, cohorts, evidence = board.specs, board.stored, board.cohorts, board.evidence
    date = board.commit_date[:10]
    footer = f"Built from commit {escape(board.commit[:12])} of {escape(date)}."
    if board.commit == "unknown":
        footer = "Built outside of a git repository."
    studies = {name: found.study for name, found in evidence.items()}
    options = make_options(cohorts, [entry.result for entry in board.current])
    tables = [make_board_table(c, evidence[c.name].study.predictions) for c in cohorts]
    standings = find_standings(tables, studies)
    of_models = start(
        lambda: {
            f"docs/{page}.md": _page(title, content, date)
            for page, title, content in _model_pages(board, standings)
        }
    )
    home = first_board(tables, evidence)
    first_tables = sorted(tables, key=lambda one: one is not home)  # stable: the others in order
    titles = {name: one.title for name, one in (specs.corpora | specs.suites).items()}
    titles |= {name: pairs.title for name, pairs in specs.preferences.items()}
    titles |= {model.id: model.title for model in specs.models.values()}
    yardsticks = {a.corpus: find_yardstick(a.corpus, cohorts, evidence) for a in board.amounts}
    partials = {
        "home": render_home(tables, evidence, specs.models, date),
        "predict": render_outcomes(cohorts, evidence)
        + render_calculator(cohorts, studies)
        + render_evidence(cohorts, evidence)
        + render_calibration(board.calibration)
        + render_amounts(specs, board.amounts, yardsticks)
        + render_costs(specs, board.costs),
        "choose": render_choose(options, date),
        "plane": render_plane_page(tables),
        "families": render_families(cohorts),
        "corpora": render_corpora(board),
        "compare": render_compare(first_tables),
        "reliability": render_reliability(specs, stored, board.commit_date),
        "changelog": render_moves(specs, stored),
        "trajectories": render_trajectories(make_trajectories(specs, stored), cohorts, titles),
        "bias": render_bias(specs, stored),
        "commit": footer,
        "commands": render_commands(commands),
        "model-fields": render_model_fields(),
        "file-fields": render_file_fields(),
    }
    for name, words in PAGES.items():
        partials[name] += terms_line("../", words, partials[name])
    files["docs/changelog.md"] = _changelog(changelog)
    for shown_table in tables:
        cohort = shown_table.cohort
        page = f"boards/{cohort.name}"
        files[f"docs/{page}.json"] = board_json(shown_table, date)
        content = render_cohort(shown_table, tables, evidence, date)
        files[f"docs/{page}.md"] = _page(cohort.title, content, date, ("leaderboard.js",))
    final = [entry for entry in board.texts if board.is_final(entry.result)]
    files |= layer_files(final) | document_files(final)
    files |= of_models()
    exported = exporting()
    partials["download"] = render_downloads(board, exported)
    files |= {f"docs/{path}": content for path, content in exported.items()}
    of_pages = {
        "choose.json": render_options(options),
        "predict.json": calculator_json(cohorts, studies),
    }
    files |= {f"docs/data/{path}": content for path, content in of_pages.items()}
    files["docs/data/SHA256SUMS"] += checksums(of_pages)
    partials["imported"] = render_import_list(board.imported, board.conflicts)
    for one in board.imported:
        files[f"docs/{imported_path(one.imported)}"] = record_text(one.imported).encode()
    for name, partial in partials.items():
        files[f"theme/generated/{name}.html"] = date_captions(partial, date).encode()
    return files


def _changelog(text: str) -> bytes:
    """The project's changelog, written by its people, then the figures that moved."""
    matter = yaml.safe_dump(
        {
            "title": "Changelog",
            "template": "model.html",
            "partial": "generated/changelog.html",
            "hide": ["toc"],
        }
    )
    return f"---\n{matter}---\n\n{text or '# Changelog'}\n".encode()


def _model_pages(
    board: StudiedBoard, standings: Mapping[str, list[Standing]]
) -> Iterator[tuple[str, str, str]]:
    """Address, title and content of every model's page, measured and published."""
    records: dict[str, list[StoredResult]] = {}
    for entry in board.stored:
        records.setdefault(entry.result.model, []).append(entry)
    compared: dict[str, list[Comparison]] = {}
    for comparison in board.comparisons:
        compared.setdefault(comparison.model, []).append(comparison)
    badges: dict[str, list[str]] = {}
    for path in export_badges(board):
        badges.setdefault(path.split("/")[1], []).append(path)
    for model in board.specs.models.values():
        page = f"models/{model.id}"
        content = render_model(
            model,
            records.get(model.id, []),
            board.specs,
            compared.get(model.id, []),
            standings.get(f"{page}/", []),
            board.commit,
            render_imported(model, board.imported, board.conflicts),
            badges.get(model.id, ()),
        )
        yield page, model.title, content + terms_line("../../", MODEL, content)
    for cohort in board.cohorts:
        if cohort.provenance == "published":
            for row in cohort.rows:
                own = standings.get(row.page, [])
                content = render_published(cohort, row, own)
                words = terms_line("../../../", MODEL, content)
                yield row.page.strip("/"), row.name, content + words


def _page(title: str, content: str, date: str, scripts: Sequence[str] = ()) -> bytes:
    """A page that is nothing but front matter, by a YAML dumper, its content in it as HTML.

    So neither Markdown nor a template is parsed in it, as a partial would be for each of thousands
    of pages. The title is escaped here too: the theme writes it into the page as it is.
    """
    shown = escape(title)
    matter = {
        "title": shown,
        "template": "model.html",
        "scripts": list(scripts),
        "search": {"exclude": True},
        "hide": ["toc", "navigation"],
    }
    text = yaml.dump(matter, Dumper=yaml.CSafeDumper, allow_unicode=True)
    html = {"html": f"<h1>{shown.replace('/', '/<wbr>')}</h1>\n{date_captions(content, date)}"}
    # Quoted, on one line: no line of it can end the matter.
    text += yaml.dump(html, Dumper=yaml.CSafeDumper, default_style='"', width=WIDTH)
    return f"---\n{text}---\n".encode()
