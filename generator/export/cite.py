"""How to cite the board at one commit: CITATION.cff, BibTeX, and what Zenodo reads."""

from datetime import datetime

import yaml

from generator.export.package import ABSTRACT, KEYWORDS, TITLE, as_json

AUTHOR = f"The {TITLE} maintainers"
NOTE = "Cite published figures by their own sources; data/LICENCE.txt lists them."


def export_citation(commit: str, commit_date: str, version: str | None = None) -> dict[str, bytes]:
    """CITATION.cff and citation.bib by name. version: of a release; else the commit stands."""
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
        "keywords": list(KEYWORDS),
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
    """`.zenodo.json`: what Zenodo asks of a deposit."""
    return as_json(
        {
            "title": f"{TITLE}: data",
            "upload_type": "dataset",
            "description": ABSTRACT,
            "creators": [{"name": AUTHOR}],
            "access_right": "open",
            "license": "cc-by-4.0",
            "keywords": list(KEYWORDS),
            "notes": NOTE,
            "version": version,
            "publication_date": day,
        }
    )
