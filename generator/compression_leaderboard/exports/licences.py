"""Under which licence a figure may be used: ours, or that of the source that published it."""

from collections.abc import Sequence

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.records.published import Citation

OURS = "CC-BY-4.0"
NOT_STATED = "not stated"  # of imported files: that of whoever ran the harness
OURS_TITLE = "Creative Commons Attribution 4.0 International"
OURS_ADDRESS = "https://creativecommons.org/licenses/by/4.0/"


def licence_of(cohort: Cohort) -> str:
    """Ours for what was measured here; else those of all sources that a row draws on."""
    if cohort.provenance == "measured":
        return OURS
    return " AND ".join(dict.fromkeys(citation.licence for citation in cohort.citations))


def published_citations(cohorts: Sequence[Cohort]) -> list[Citation]:
    """The sources of all published figures, each once."""
    return list(dict.fromkeys(c for cohort in cohorts for c in cohort.citations))


def licence_notice(cohorts: Sequence[Cohort]) -> str:
    """The licences in words, for files that carry no licence of their own."""
    lines = [
        "Measurements of this project (rows whose data_licence is CC-BY-4.0):",
        f"{OURS_TITLE}, {OURS_ADDRESS}",
        "",
        "Figures that others published keep the licence of their source:",
    ]
    for cohort in cohorts:
        lines += [
            f"- {cohort.name}: {citation.licence}. {citation.text} {citation.url}"
            for citation in cohort.citations
        ]
    lines += [
        "",
        "Imported result files (the table imported) state no licence: what they hold stays with",
        "whoever made them.",
    ]
    return "\n".join(lines) + "\n"
