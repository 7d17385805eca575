"""Every generated file of the site by its path below build/."""

from collections.abc import Iterator, Mapping, Sequence

import yaml

from generator.files.results import StoredResult, record_text
from generator.files.specs import Specs
from generator.fits.evidence import Evidence
from generator.publish.downloads import render_dictionary, render_downloads
from generator.publish.evidence_page import render_evidence
from generator.publish.leaderboard import render_home
from generator.publish.measured_parts import record_path
from generator.publish.model_page import render_model
from generator.publish.published_page import render_published
from generator.publish.reference import (
    Command,
    render_commands,
    render_file_fields,
    render_model_fields,
)
from generator.publish.text import escape
from generator.tables.cohorts import Cohort
from generator.tables.comparisons import Comparison, compare_models


def render_site(
    cohorts: Sequence[Cohort],
    evidence: Mapping[str, Evidence],
    specs: Specs,
    stored: Sequence[StoredResult],
    commit: str,
    commit_date: str,
    commands: Sequence[Command] = (),
) -> dict[str, bytes]:
    """Pages, partials and data. Paths begin with docs/ or theme/; nothing depends on the clock."""
    files: dict[str, bytes] = {}
    footer = f"Built from commit {escape(commit[:12])} of {escape(commit_date[:10])}."
    if commit == "unknown":
        footer = "Built outside of a git repository."
    partials = {
        "home": render_home(cohorts, evidence, specs.models),
        "predict": render_evidence(cohorts, evidence),
        "commit": footer,
        "commands": render_commands(commands),
        "model-fields": render_model_fields(),
        "file-fields": render_file_fields(),
    }
    comparisons = compare_models(specs, stored)
    data = render_downloads(cohorts, specs, stored, comparisons, evidence)
    partials["download"] = render_dictionary(data)
    for name, content in data.items():
        files[f"docs/data/{name}"] = content
    for page, title, partial in _model_pages(cohorts, specs, stored, comparisons):
        shown = escape(title).replace("/", "/<wbr>")
        partials[page] = f"<h1>{shown}</h1>\n{partial}"
        files[f"docs/{page}.md"] = _stub(title, page)
    for entry in stored:
        files[f"docs/{record_path(entry)}"] = record_text(entry.result).encode()
    for name, partial in partials.items():
        files[f"theme/generated/{name}.html"] = partial.encode()
    return files


def _model_pages(
    cohorts: Sequence[Cohort],
    specs: Specs,
    stored: Sequence[StoredResult],
    comparisons: Sequence[Comparison],
) -> Iterator[tuple[str, str, str]]:
    """Address, title and content of every model's page, measured and published."""
    for model in specs.models.values():
        own = [comparison for comparison in comparisons if comparison.model == model.id]
        yield f"models/{model.id}", model.title, render_model(model, stored, specs, own)
    for cohort in cohorts:
        if cohort.provenance == "published":
            for _, row in cohort.rows.iterrows():
                yield str(row["page"]).strip("/"), str(row["name"]), render_published(cohort, row)


def _stub(title: str, partial: str) -> bytes:
    """A page whose body is a partial: nothing but front matter, by a YAML dumper.

    The title is escaped here too: the theme writes it into the page as it is.
    """
    matter = yaml.safe_dump(
        {
            "title": escape(title),
            "template": "model.html",
            "partial": f"generated/{partial}.html",
            "search": {"exclude": True},
            "hide": ["toc", "navigation"],
        },
        allow_unicode=True,
    )
    return f"---\n{matter}---\n".encode()
