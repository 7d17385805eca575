"""Every generated file of the site by its path below build/."""

from collections.abc import Mapping, Sequence

import yaml

from generator.files.results import StoredResult, record_text
from generator.files.specs import Specs
from generator.fits.evidence import Evidence
from generator.publish.downloads import render_dictionary, render_downloads
from generator.publish.evidence_page import render_evidence
from generator.publish.leaderboard import render_home
from generator.publish.model_page import record_path, render_model, render_published
from generator.publish.text import escape
from generator.records.models import Model
from generator.tables.cohorts import Cohort


def render_site(
    cohorts: Sequence[Cohort],
    evidence: Mapping[str, Evidence],
    specs: Specs,
    stored: Sequence[StoredResult],
    commit: str,
    commit_date: str,
) -> dict[str, bytes]:
    """Pages, partials and data. Paths begin with docs/ or theme/; nothing depends on the clock."""
    files: dict[str, bytes] = {}
    footer = f"Built from commit {escape(commit[:12])} of {escape(commit_date[:10])}."
    partials = {
        "home": render_home(cohorts, evidence),
        "predict": render_evidence(cohorts, evidence),
        "commit": footer,
    }
    final = {model.id: model.weights.revision for model in specs.models.values()}
    data = render_downloads(cohorts, stored, final)
    partials["download"] = render_dictionary(data)
    for name, content in data.items():
        files[f"docs/data/{name}"] = content
    for model in specs.models.values():
        page = f"models/{model.id}"
        partials[page] = render_model(model, stored, specs.corpora)
        files[f"docs/{page}.md"] = _stub(_title(model), page)
    for cohort in cohorts:
        if cohort.provenance == "published":
            for _, row in cohort.rows.iterrows():
                page = str(row["page"]).strip("/")
                partials[page] = render_published(cohort, row)
                files[f"docs/{page}.md"] = _stub(str(row["name"]), page)
    for entry in stored:
        files[f"docs/{record_path(entry)}"] = record_text(entry.result).encode()
    for name, partial in partials.items():
        files[f"theme/generated/{name}.html"] = partial.encode()
    return files


def _title(model: Model) -> str:
    quantization = model.weights.quantization
    return f"{model.name} ({quantization})" if quantization else model.name


def _stub(title: str, partial: str) -> bytes:
    """A page whose body is a partial: front matter by a YAML dumper, the title as text."""
    matter = yaml.safe_dump(
        {
            "title": title,
            "template": "model.html",
            "partial": f"generated/{partial}.html",
            "search": {"exclude": True},
            "hide": ["toc", "navigation"],
        },
        allow_unicode=True,
    )
    return f"---\n{matter}---\n\n# {escape(title)}\n".encode()
