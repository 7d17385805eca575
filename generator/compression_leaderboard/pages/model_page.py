"""The pages of measured and of published models."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from markupsafe import Markup

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.comparisons import Comparison
from compression_leaderboard.board.derived import mean_score, preference_figure
from compression_leaderboard.board.figures import Row
from compression_leaderboard.board.trajectories import tokens_seen
from compression_leaderboard.pages.record_sections import (
    Facts,
    RecordLink,
    Section,
    record_link,
    view_record,
)
from compression_leaderboard.pages.rendering import Renderer, Table, headings
from compression_leaderboard.pages.standing import Standing, StandingView, view_standing
from compression_leaderboard.pages.text import UNKNOWN, count, counted, number, percent
from compression_leaderboard.plan.jobs import latest_results
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Failure, Result, Subject
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

SHORT_HISTORY = 12  # records that the page shows unfolded


@dataclass(frozen=True)
class RecordState:
    """A record in a list: what it is of, and whether it counts, failed or was retracted."""

    link: RecordLink
    day: str
    kind: str
    name: str
    state: str
    retracted: bool = False


@dataclass(frozen=True)
class ModelView:
    """What the page of a measured model shows, in order."""

    model: Model
    who: str
    failures: Sequence[tuple[RecordState, Failure]]
    standings: Sequence[StandingView]
    identity: Facts
    sections: Sequence[Section]
    checkpoints: Table | None
    imported: Markup
    history: Sequence[RecordState]
    citation: str
    badges: str

    @property
    def folds_history(self) -> bool:
        return len(self.history) > SHORT_HISTORY


def render_model(
    render: Renderer,
    model: Model,
    entries: Sequence[StoredResult],
    specs: Specs,
    comparisons: Sequence[Comparison],
    standings: Sequence[Standing],
    commit: str,
    imported: str = "",
    badges: Sequence[str] = (),
) -> Markup:
    """Show everything known of a measured model, its final weights first.

    entries, comparisons, standings: the model's records, comparisons and places in tables.
    imported: the section of imported results. badges: paths of the model's badges on the site.
    """
    latest = latest_results(entries)
    final = [e for e in latest.values() if e.result.revision == model.weights.revision]
    final.sort(key=_section_order)
    sections = [view_record(entry, model, specs, comparisons) for entry in final]
    subject = next((e.result.subject for e in final if e.result.subject), None)
    results = [entry.result for entry in latest.values()]
    view = ModelView(
        model=model,
        who=_who(model),
        failures=_failures(model, entries, final),
        standings=[view_standing(standing) for standing in standings],
        identity=_identity(model, subject),
        sections=[section for section in sections if section],
        checkpoints=_checkpoints(model, results) if model.checkpoints else None,
        imported=Markup(imported),
        history=_history(entries, latest.values(), model),
        citation=_cite(model, final, commit),
        badges=_badges(badges),
    )
    return render("model.html", root="../../", view=view)


def _section_order(entry: StoredResult) -> tuple[int, str]:
    """Texts first, then preferences, proofs and suites."""
    result = entry.result
    kind = "preference" if result.preference else result.kind
    return ("corpus", "preference", "proof", "suite").index(kind), result.name


def _who(model: Model) -> str:
    """One line for those who do not know the model."""
    quantization = model.weights.quantization
    weights = f"weights de-quantised from {quantization}" if quantization else "original weights"
    return f"{model.family}, {model.kind}, {count(model.parameters)} parameters, {weights}."


def _cite(model: Model, final: Sequence[StoredResult], commit: str) -> str:
    """A snippet for a paper; the ids of the final weights' records identify the figures."""
    run_ids = sorted(entry.result.run_id for entry in final)
    if not run_ids:
        return ""
    key = "".join(c if c.isalnum() else "-" for c in model.id)
    lines = [
        f"@misc{{compression-{key},",
        f"  title = {{Compression of {model.title}}},",
        f"  howpublished = {{LLM Compression Leaderboard, commit {commit[:12]}}},",
        f"  note = {{records {', '.join(run_ids)}}}",
        "}",
    ]
    return "\n".join(lines)


def _badges(paths: Sequence[str]) -> str:
    """Snippets that show a current figure elsewhere."""
    endpoint = "https://img.shields.io/endpoint?url=SITE/"
    return "\n".join(f"![{PurePosixPath(path).stem}]({endpoint}{quote(path)})" for path in paths)


def _failures(
    model: Model, entries: Sequence[StoredResult], final: Sequence[StoredResult]
) -> list[tuple[RecordState, Failure]]:
    """The last failures of the final weights that no valid record, one of `final`, followed."""
    ours = [entry for entry in entries if entry.result.revision == model.weights.revision]
    valid = {(entry.result.kind, entry.result.name) for entry in final}
    last = {}
    for entry in sorted(ours, key=_started):
        result = entry.result
        if result.error is not None and (result.kind, result.name) not in valid:
            last[result.kind, result.name] = _state(entry, "failed"), result.error
    return [last[key] for key in sorted(last)]


def _started(entry: StoredResult) -> tuple[object, str]:
    return entry.result.started, entry.file


def _state(entry: StoredResult, state: str) -> RecordState:
    result = entry.result
    if result.error is not None:
        state = f"failed ({result.error.reason}): {result.error.message}"
    if result.retracted is not None:
        state = f"retracted: {result.retracted}"
    return RecordState(
        record_link(entry),
        f"{result.started:%Y-%m-%d}",
        result.kind,
        result.name,
        state,
        result.retracted is not None,
    )


def _identity(model: Model, subject: Subject | None) -> Facts:
    weights = model.weights
    facts = [
        ("Id", model.id),
        ("Kind", model.kind),
        ("Family", model.family),
        ("Parameters", count(model.parameters)),
        ("Training tokens", count(model.training_tokens)),
        ("Released", model.released.isoformat()),
        ("Licence", model.licence),
        ("Weights", weights.hub or weights.package or weights.path or UNKNOWN),
        ("Quantization", weights.quantization or "none: the original weights"),
        ("Revision", weights.revision),
    ]
    if subject is not None:
        facts += [
            ("Architecture", subject.architecture),
            ("Layers and width", f"{subject.layers}, {subject.width}"),
            ("Context", f"{subject.context_tokens} tokens"),
            ("Vocabulary", f"{subject.vocabulary} tokens"),
        ]
    return facts


def _checkpoints(model: Model, results: Sequence[Result]) -> Table:
    """Every figure over training, in order of tokens seen."""
    seen = tokens_seen(model)
    rows = []
    for result in sorted(results, key=lambda r: (r.kind, r.name, seen.get(r.revision) or 0)):
        if result.revision not in seen or result.kind == "proof":
            continue
        bits = result.lossless.bits_per_byte if result.lossless else None
        preference = preference_figure(result.preference).value if result.preference else None
        score = mean_score(result.tasks)[0] if result.tasks else None
        tokens = count(seen[result.revision])
        rows.append([result.name, tokens, number(bits, 4), number(preference, 6), percent(score)])
    figures = ("Tokens seen", "Bits per byte", "Preference information", "Mean score, %")
    caption = f"{counted(len(rows), 'figure')} over training (bits per byte: lower is better)"
    return Table("checkpoints", caption, headings("Measured", figures=figures), rows)


def _history(
    entries: Sequence[StoredResult], latest: Iterable[StoredResult], model: Model
) -> list[RecordState]:
    """All records of the model: what counts, what is history, what failed or was retracted.

    A revision that the model's file no longer names is history.
    """
    listed = {model.weights.revision, *(checkpoint.revision for checkpoint in model.checkpoints)}
    counting = {entry.file for entry in latest if entry.result.revision in listed}
    return [
        _state(entry, "counts" if entry.file in counting else "history")
        for entry in sorted(entries, key=_started)
    ]


def render_published(
    render: Renderer, cohort: Cohort, row: Row, standings: Sequence[Standing]
) -> Markup:
    """Show tiles and place in the table first, then every figure with its unit and its source."""
    unit = cohort.unit or ""
    rows = [[c.label, c.unit, number(row.value(c.key), 3), UNKNOWN] for c in cohort.compression]
    mean = number(row.value(cohort.mean_compression), 3)
    rows.append(["Average of the texts", unit, mean, UNKNOWN])
    rows += [[s.label, "%", percent(row.value(s.key)), percent(s.chance)] for s in cohort.scores]
    rows.append(["Mean of all benchmarks", "%", percent(row.value(cohort.mean_score)), UNKNOWN])
    figures = counted(len(rows), "published figure")
    table = Table(
        "figures",
        f"{figures} of {row.name} (bits: lower is better; scores: higher)",
        headings("Figure", "Unit", figures=("Value", "Chance")),
        rows,
    )
    return render(
        "published.html",
        root="../../../",
        cohort=cohort,
        row=row,
        standings=[view_standing(standing) for standing in standings],
        figures=table,
    )
