"""Every generated file of the site by its path below build/."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from markupsafe import Markup

from compression_leaderboard.board.bits_by_class import ClassBits
from compression_leaderboard.board.comparisons import Comparison
from compression_leaderboard.board.derived import DerivedResult
from compression_leaderboard.choose import (
    CONTEXT_TOKENS,
    LISTED_TIES,
    MESSAGES,
    PRECISION,
    PRECISIONS,
    RUNTIME_BYTES,
    CohortOptions,
    Request,
    choose,
    default_cohort,
    make_options,
    rounded,
)
from compression_leaderboard.exports.descriptions import checksums
from compression_leaderboard.exports.release import export_files
from compression_leaderboard.fits.predict import find_yardstick
from compression_leaderboard.fits.study import StudiedBoard
from compression_leaderboard.intervals import normal_quantile, student_quantile
from compression_leaderboard.pages.board_table import BoardTable, board_json, make_board_table
from compression_leaderboard.pages.families_page import render_families
from compression_leaderboard.pages.leaderboard import first_board, render_cohort, render_home
from compression_leaderboard.pages.model_page import (
    Standing,
    find_standings,
    render_model,
    render_published,
)
from compression_leaderboard.pages.plane_page import layer_files, render_bias, render_plane_page
from compression_leaderboard.pages.predict_page import (
    calculator_json,
    render_amounts,
    render_predict,
)
from compression_leaderboard.pages.reference import (
    Command,
    describe_conflict,
    imported_path,
    render_architectures,
    render_conventions,
    render_corpora,
    render_downloads,
    render_fields,
    render_imported,
    render_large,
)
from compression_leaderboard.pages.reliability_page import render_moves, render_reliability
from compression_leaderboard.pages.rendering import Renderer, escape, markdown_text
from compression_leaderboard.pages.trajectories_page import render_trajectories
from compression_leaderboard.records.byte_classes import class_label
from compression_leaderboard.records.results import Lossless
from compression_leaderboard.repository.results import record_text

Files = dict[str, bytes]  # content by path
CHANGELOG = "---\ntitle: Changelog\n---\n"
WIDTH = 2**31 - 1  # of a line that is never folded


@dataclass(frozen=True)
class Sources:
    """What people wrote: templates and pages by name, such as families.html and families.md."""

    templates: Mapping[str, str]
    pages: Mapping[str, str]
    changelog: str = ""  # Markdown
    architectures: str = ""  # TOML: what becomes of each
    conventions: str = ""  # TOML: bits per byte of one text under each


def render_site(board: StudiedBoard, sources: Sources, commands: Sequence[Command] = ()) -> Files:
    """Make pages and data by path below build/; nothing depends on the clock."""
    render = Renderer(sources.templates, board.commit_date[:10])
    tables = [
        make_board_table(cohort, board.evidence[cohort.name].study.predictions)
        for cohort in board.cohorts
    ]
    exported = export_files(board)
    options = make_options(board.cohorts, [entry.result for entry in board.current])
    files = _data(render, board, tables, exported, options)
    files["theme/built.html"] = str(escape(_built(board))).encode()
    generated: dict[str, str] = {}
    generated |= _generated(render, board, tables, exported, options, commands)
    generated["architectures"] = render_architectures(render, sources.architectures)
    generated["conventions"] = render_conventions(render, sources.conventions)
    pages = dict(sources.pages) | {"changelog.md": CHANGELOG}
    # In the body, which is searched; one block of HTML, without empty lines, which would end it.
    changelog = Markup(re.sub(r"\n\s*\n", "\n", markdown_text(sources.changelog)))
    pages["changelog.md"] += "\n" + render("changelog.html", text=changelog)
    for name, source in pages.items():
        html = generated.get(name.removesuffix(".md"), "")
        files[f"docs/{name}"] = _with_html(source, html)
    for address, title, content, scripts in _whole_pages(render, board, tables, exported):
        files[f"docs/{address}.md"] = _page(title, content, scripts)
    return files


def _built(board: StudiedBoard) -> str:
    if board.commit == "unknown":
        return "Built outside of a git repository."
    return f"Built from commit {board.commit[:12]} of {board.commit_date[:10]}."


def _generated(
    render: Renderer,
    board: StudiedBoard,
    tables: Sequence[BoardTable],
    exported: Files,
    options: Sequence[CohortOptions],
    commands: Sequence[Command],
) -> dict[str, str]:
    """Return the generated part of each hand-written page, by the page's name."""
    specs, stored, cohorts, evidence = board.specs, board.stored, board.cohorts, board.evidence
    home = first_board(tables, evidence)
    first_tables = sorted(tables, key=lambda table: table is not home)  # stable
    titles = {name: spec.title for name, spec in (specs.corpora | specs.suites).items()}
    titles |= {name: pairs.title for name, pairs in specs.preferences.items()}
    titles |= {model.id: model.title for model in specs.models.values()}
    yardsticks = {
        corpus: find_yardstick(corpus, cohorts, evidence)
        for corpus in dict.fromkeys(amount.corpus for amount in board.amounts)
    }
    parts: dict[str, str] = {
        "index": render_home(render, tables, evidence, specs.models),
        "predict": render_predict(render, cohorts, evidence, board.calibration)
        + render_amounts(render, specs, board.amounts, board.costs, yardsticks),
        "choose": render_choose(render, options),
        "plane": render_plane_page(render, tables),
        "families": render_families(render, cohorts),
        "corpora": render_corpora(render, board),
        "compare": render("compare.html", cohorts=[table.cohort for table in first_tables]),
        "reliability": render_reliability(render, specs, stored, board.commit_date, board.unread),
        "large": render_large(render, specs, board.current),
        "changelog": render_moves(render, specs, stored),
        "trajectories": render_trajectories(render, board.trajectories, cohorts, titles),
        "method": render_bias(render, specs, board.current),
        "commands": render("commands.html", commands=commands),
        "add": render_fields(render, "model_fields.html"),
        "files": render_fields(render, "file_fields.html"),
        "download": render_downloads(render, board, exported),
        "import": render(
            "import.html",
            stored=board.imported,
            conflicts=board.conflicts,
            describe=describe_conflict,
            path=imported_path,
        ),
    }
    return {name: _with_terms(render, html, name, "../") for name, html in parts.items()}


def render_choose(render: Renderer, cohorts: Sequence[CohortOptions]) -> Markup:
    """Show the form and the answer to the default request; choose.js answers any other."""
    if not cohorts:
        return render("choose.html", cohorts=())
    cohort = default_cohort(cohorts)
    return render(
        "choose.html",
        cohorts=[(option.name, option.title) for option in cohorts],
        default=cohort,
        precisions=[(precision, precision) for precision in PRECISIONS],
        precision=PRECISION,
        context_tokens=f"{CONTEXT_TOKENS:g}",
        answer=choose(cohort, Request(cohort.default_weights)),
        normal_95=normal_quantile(),
        rounded=rounded,
    )


def options_json(cohorts: Sequence[CohortOptions]) -> bytes:
    """All that choose.js needs to answer any request, for docs/data/choose.json."""
    values = {
        "normal_95": normal_quantile(),
        "precisions": PRECISIONS,
        "runtime_bytes": RUNTIME_BYTES,
        "listed_ties": LISTED_TIES,
        "messages": MESSAGES,
        "cohorts": cohorts,
    }
    compact = (",", ":")
    return json.dumps(
        values, default=vars, ensure_ascii=False, allow_nan=False, separators=compact
    ).encode()


def _with_terms(render: Renderer, html: str, page: str, root: str) -> Markup:
    """Append to a page's finished content those words in it that the glossary explains."""
    content = Markup(html)
    return content + render("terms.html", root, page=page, content=content)


def _data(
    render: Renderer,
    board: StudiedBoard,
    tables: Sequence[BoardTable],
    exported: Files,
    options: Sequence[CohortOptions],
) -> Files:
    """Every file that is no page."""
    final = [entry for entry in board.texts if board.is_final(entry.result)]
    files = layer_files(render, final, board.specs.models) | _document_files(final)
    files |= {f"docs/{path}": content for path, content in exported.items()}
    of_pages = {
        "choose.json": options_json(options),
        "predict.json": calculator_json(board.cohorts, board.studies),
    }
    files |= {f"docs/data/{path}": content for path, content in of_pages.items()}
    files["docs/data/SHA256SUMS"] += checksums(of_pages)
    for table in tables:
        date = board.commit_date[:10]
        files[f"docs/boards/{table.cohort.name}.json"] = board_json(table, date)
    for entry in board.imported:
        files[f"docs/{imported_path(entry.imported)}"] = record_text(entry.imported).encode()
    return files


def _document_files(entries: Iterable[DerivedResult]) -> dict[str, bytes]:
    """Write the bits of every document: one file per model, by number format and text.

    The page Compare computes paired differences from them, except for texts that a tokenizer
    does not restore. reach: standard errors on either side of a difference that its interval spans.

    entries: current records of final weights.
    """
    texts_of: dict[str, dict[str, Any]] = {}
    for entry in entries:
        result, lossless = entry.result, entry.result.lossless
        if lossless is None or lossless.failing_bytes or len(lossless.documents) < 2:
            continue
        texts = texts_of.setdefault(result.model, {}).setdefault(str(result.environment.dtype), {})
        texts[f"compression.{result.name}"] = {
            "reach": student_quantile(len(lossless.documents) - 1),
            "documents": [document.document for document in lossless.documents],
            "bytes": [document.bytes for document in lossless.documents],
            "bits": [round(document.bits, 4) for document in lossless.documents],
            "classes": _class_files(lossless),
        }
    return {
        f"docs/compare/{model}.json": json.dumps(
            texts, sort_keys=True, ensure_ascii=False, separators=(",", ":")
        ).encode()
        for model, texts in sorted(texts_of.items())
    }


def _class_files(lossless: Lossless) -> list[dict[str, Any]]:
    """List the bits of every document by class, for the same differences; empty if not known.

    All documents count for "start", since one of two models may have bits of it in each.
    """
    if (parts := ClassBits.of(lossless)) is None:
        return []
    parts = parts.with_start()
    files = []
    for k, byte_class in enumerate(parts.classes):
        present = parts.present[k].sum() if byte_class != "start" else len(parts.documents)
        files.append(
            {
                "label": class_label(byte_class),
                "bytes": int(parts.bytes[k].sum()),
                "documents": int(present),
                "reach": student_quantile(int(present) - 1) if present > 1 else None,
                "bits": parts.bits[k].round(4).tolist(),
            }
        )
    return files


def _whole_pages(
    render: Renderer, board: StudiedBoard, tables: Sequence[BoardTable], exported: Files
) -> Iterator[tuple[str, str, Markup, Sequence[str]]]:
    """Address, title, content and scripts of every page that nobody wrote by hand."""
    standings = find_standings(tables, board.studies)
    for table in tables:
        content = render_cohort(render, table, tables, board.evidence)
        yield f"boards/{table.cohort.name}", table.cohort.title, content, ("leaderboard.js",)
    for address, title, content in _model_pages(render, board, standings, exported):
        yield address, title, content, ()


def _model_pages(
    render: Renderer,
    board: StudiedBoard,
    standings: Mapping[str, list[Standing]],
    exported: Files,
) -> Iterator[tuple[str, str, Markup]]:
    """Address, title and content of every model's page, measured and published."""
    records: dict[str, list[DerivedResult]] = {}
    for entry in board.stored:
        records.setdefault(entry.result.model, []).append(entry)
    compared: dict[str, list[Comparison]] = {}
    for comparison in board.comparisons:
        compared.setdefault(comparison.model, []).append(comparison)
    badges: dict[str, list[str]] = {}
    for path in exported:
        if path.startswith("badges/"):
            badges.setdefault(path.split("/")[1], []).append(path)
    for model in board.specs.models.values():
        page = f"models/{model.id}"
        content = render_model(
            render,
            model,
            records.get(model.id, []),
            board.specs,
            compared.get(model.id, []),
            standings.get(f"{page}/", []),
            board.commit,
            render_imported(render, model, board.imported, board.conflicts),
            badges.get(model.id, ()),
        )
        yield page, model.title, _with_terms(render, content, "model", "../../")
    for cohort in board.cohorts:
        if cohort.provenance == "published":
            for row in cohort.rows:
                content = render_published(render, cohort, row, standings.get(row.page, []))
                content = _with_terms(render, content, "model", "../../../")
                yield row.page.strip("/"), row.name, content


def _page(title: str, content: str, scripts: Sequence[str]) -> bytes:
    """Make a page that is nothing but front matter, with its content in it as HTML.

    So neither Markdown nor a template is parsed in it, as would happen thousands of times. The
    title is escaped here: the theme writes titles into a page as they are.
    """
    matter = {
        "title": str(escape(title)),
        "scripts": list(scripts),
        "search": {"exclude": True},
        "hide": ["toc", "navigation"],
    }
    source = f"---\n{yaml.dump(matter, Dumper=yaml.CSafeDumper, allow_unicode=True)}---\n"
    return _with_html(source, content)


def _with_html(source: str, html: str) -> bytes:
    """Put finished HTML into a page's front matter: quoted, on one line, so that it cannot end."""
    if not html:
        return source.encode()
    matter = {"html": str(html)}
    line = yaml.dump(
        matter, Dumper=yaml.CSafeDumper, default_style='"', width=WIDTH, allow_unicode=True
    )
    rest = source.removeprefix("---\n") if source.startswith("---\n") else f"---\n{source}"
    return f"---\n{line}{rest}".encode()
