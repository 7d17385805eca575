"""The pages of measured and of published models."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import quote

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.comparisons import Comparison
from compression_leaderboard.board.derived import mean_score, preference_figure
from compression_leaderboard.board.figures import Row
from compression_leaderboard.board.trajectories import tokens_seen
from compression_leaderboard.pages.glossary import mixture_note
from compression_leaderboard.pages.record_sections import (
    record_link,
    render_corpus,
    render_preference,
    render_proof,
    render_suite,
)
from compression_leaderboard.pages.standing import Standing, render_standing, render_tiles
from compression_leaderboard.pages.text import (
    count,
    counted,
    escape,
    link,
    number,
    percent,
    table,
    tag,
)
from compression_leaderboard.plan.jobs import latest_results
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Result, Subject
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

SHORT_HISTORY = 12  # records that stand on the page unfolded


def render_model(
    model: Model,
    own: Sequence[StoredResult],
    specs: Specs,
    comparisons: Sequence[Comparison],
    standings: Sequence[Standing],
    commit: str,
    imported: str = "",
    badges: Sequence[str] = (),
) -> str:
    """Everything known of a measured model, its final weights first.

    own, comparisons, standings: the model's records, comparisons and places in tables.
    imported: the section of imported results. badges: paths of the model's badges on the site.
    """
    latest = latest_results(own)
    final = [e for e in latest.values() if e.result.revision == model.weights.revision]
    final.sort(key=lambda entry: (entry.result.kind, entry.result.name))
    subject = next((e.result.subject for e in final if e.result.subject), None)
    parts = [f"<p>{tag('measured')} {escape(_who(model))}</p>", _failures(model, own)]
    parts += [render_tiles(standing, "../../") for standing in standings[:1]]
    parts += [render_standing(standing, "../../") for standing in standings[:1]]
    parts.append(_further_tables(standings[1:]))
    parts.append(_identity(model, subject))
    parts += [
        render_corpus(e, model, specs, comparisons) for e in final if e.result.kind == "corpus"
    ]
    parts += [render_preference(e, specs) for e in final if e.result.preference]
    parts += [render_proof(e, specs) for e in final if e.result.kind == "proof"]
    parts += [render_suite(e, specs) for e in final if e.result.kind == "suite"]
    if not final:
        parts.append('<p class="notice">Nothing is measured yet.</p>')
    if model.checkpoints:
        parts.append(_checkpoints(model, [entry.result for entry in latest.values()]))
    parts += [imported, _history(own, model)]
    parts.append(_again(model))
    parts += [_cite(model, final, commit), _badges(badges)]
    return "\n".join(part for part in parts if part)


def _further_tables(standings: Sequence[Standing]) -> str:
    """The model's places in the other tables, folded."""
    if not standings:
        return ""
    inside = "".join(render_standing(standing, "../../") for standing in standings)
    summary = f"<summary>Its place in {counted(len(standings), 'other table')}</summary>"
    return f"<details>{summary}{inside}</details>"


def _who(model: Model) -> str:
    """One line for those who do not know the model."""
    quantization = model.weights.quantization
    weights = f"weights de-quantised from {quantization}" if quantization else "original weights"
    return f"{model.family}, {model.kind}, {count(model.parameters)} parameters, {weights}."


def _again(model: Model) -> str:
    return (
        "<h2>Measure it again</h2><p>The same figures on your machine, compared with the records "
        "of this page:</p><pre><code>leaderboard measure --local --again --model "
        f"{escape(model.id)}</code></pre>"
    )


def _cite(model: Model, final: Sequence[StoredResult], commit: str) -> str:
    """A snippet for a paper; the ids of the final weights' records make the figures findable."""
    counting = sorted(entry.result.run_id for entry in final)
    if not counting:
        return ""
    key = "".join(c if c.isalnum() else "-" for c in model.id)
    lines = [
        f"@misc{{compression-{key},",
        f"  title = {{Compression of {model.title}}},",
        f"  howpublished = {{LLM Compression Leaderboard, commit {commit[:12]}}},",
        f"  note = {{records {', '.join(counting)}}}",
        "}",
    ]
    snippet = escape("\n".join(lines))
    return f"<h2>Cite these figures</h2><pre><code>{snippet}</code></pre>"


def _badges(paths: Sequence[str]) -> str:
    """Snippets that show a figure elsewhere, always as it is today."""
    if not paths:
        return ""
    endpoint = "https://img.shields.io/endpoint?url=SITE/"
    lines = (f"![{PurePosixPath(path).stem}]({endpoint}{quote(path)})" for path in paths)
    return (
        "<h2>Badges</h2><p>For a model card or a README, in Markdown; <code>SITE</code> stands for "
        "the address of this site. They follow the figures.</p>"
        f"<pre><code>{escape(chr(10).join(lines))}</code></pre>"
    )


def _failures(model: Model, own: Sequence[StoredResult]) -> str:
    """What could not be measured of the final weights, said first and in plain sight."""
    valid = {
        (e.result.kind, e.result.name)
        for e in latest_results(own).values()
        if e.result.revision == model.weights.revision
    }
    last = {}
    for entry in sorted(own, key=lambda e: (e.result.started, e.file)):
        result = entry.result
        if result.error is not None and result.revision == model.weights.revision:
            last[result.kind, result.name] = entry
    lines = [
        f"<li>{escape(kind)} {escape(name)}: {escape(entry.result.error.reason)}, "
        f"{escape(entry.result.error.message)} · {record_link(entry)}</li>"
        for (kind, name), entry in sorted(last.items())
        if (kind, name) not in valid and entry.result.error is not None
    ]
    if not lines:
        return ""
    return f'<div class="notice failed"><strong>Failed.</strong><ul>{"".join(lines)}</ul></div>'


def _identity(model: Model, subject: Subject | None) -> str:
    weights = model.weights
    facts: list[tuple[str, object]] = [
        ("Id", model.id),
        ("Kind", model.kind),
        ("Family", model.family),
        ("Parameters", count(model.parameters)),
        ("Training tokens", count(model.training_tokens)),
        ("Released", model.released.isoformat()),
        ("Licence", model.licence),
        ("Weights", weights.hub or weights.package or weights.path),
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
    note = f"<p>{escape(model.note)}</p>" if model.note else ""
    return f"<h2>Identity</h2>{note}{render_facts(facts)}"


def render_facts(facts: Sequence[tuple[str, object]]) -> str:
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts)
    return f'<dl class="facts">{rows}</dl>'


def _checkpoints(model: Model, results: Sequence[Result]) -> str:
    """Every figure over training, in order of tokens seen."""
    header = [("Measured", False), ("Tokens seen", True), ("Bits per byte", True)]
    header += [("Preference information", True), ("Mean score, %", True)]
    seen = tokens_seen(model)
    rows = []
    for result in sorted(results, key=lambda r: (r.kind, r.name, seen.get(r.revision) or 0)):
        if result.revision not in seen or result.kind == "proof":
            continue
        bits = result.lossless.bits_per_byte if result.lossless else None
        told = preference_figure(result.preference).value if result.preference else None
        score = mean_score(result.tasks)[0] if result.tasks else None
        tokens = count(seen[result.revision])
        figures = [number(bits, 4), number(told, 6), percent(score)]
        rows.append([escape(result.name), tokens, *figures])
    caption = f"{counted(len(rows), 'figure')} over training (bits per byte: lower is better)"
    body = table("checkpoints", caption, header, rows)
    return (
        '<h2>Checkpoints</h2><p><a href="../../trajectories/">As curves</a></p><details><summary>'
        f"{counted(len(rows), 'figure')} over training</summary>{body}</details>"
    )


def _history(own: Sequence[StoredResult], model: Model) -> str:
    """All records of the model: what counts, what is history, what failed or was retracted.

    A revision that the model's file no longer names is history.
    """
    if not own:
        return ""
    named = {model.weights.revision, *(checkpoint.revision for checkpoint in model.checkpoints)}
    latest = latest_results(own).values()
    counting = {entry.file for entry in latest if entry.result.revision in named}
    items = []
    for entry in sorted(own, key=lambda e: (e.result.started, e.file)):
        result = entry.result
        state = "counts" if entry.file in counting else "history"
        shown = f"{escape(result.kind)} {escape(result.name)} · {record_link(entry)}"
        if result.error is not None:
            state = f"failed ({result.error.reason}): {result.error.message}"
        if result.retracted is not None:
            shown, state = f"<s>{shown}</s>", f"retracted: {result.retracted}"
        items.append(f"<li>{result.started:%Y-%m-%d} {shown} · {escape(state)}</li>")
    listed = f"<ul>{''.join(items)}</ul>"
    if len(items) > SHORT_HISTORY:
        summary = f"<summary>All {len(items)} records, the oldest first</summary>"
        listed = f"<details>{summary}{listed}</details>"
    return f"<h2>History of its records</h2>{listed}"


def render_published(cohort: Cohort, row: Row, standings: Sequence[Standing]) -> str:
    """Tiles and place in the table first, then every figure with its unit, then the sources."""
    place = "".join(
        render_tiles(standing, "../../../") + render_standing(standing, "../../../")
        for standing in standings
    )
    header = [("Figure", False), ("Unit", False), ("Value", True), ("Chance", True)]
    rows = [
        [escape(c.label), escape(c.unit), number(row.value(c.key), 3), number(None, 0)]
        for c in cohort.compression
    ]
    unit = cohort.compression[0].unit
    rows.append(
        ["Average of the texts", escape(unit), number(row.value(cohort.mean_compression), 3), "–"]
    )
    rows += [
        [escape(s.label), "&#37;", percent(row.value(s.key)), percent(s.chance)]
        for s in cohort.scores
    ]
    rows.append(["Mean of all benchmarks", "&#37;", percent(row.value(cohort.mean_score)), "–"])
    sources = "".join(
        f"<li>{escape(c.text)} {link(c.url, 'Source')}, licence {escape(c.licence)}. "
        f"Columns: {escape(c.figures)}.</li>"
        for c in cohort.citations
    )
    figures = counted(len(rows), "published figure")
    caption = f"{figures} of {row.name} (bits: lower is better; scores: higher)"
    return (
        f"<p>{tag('published')} These figures were published by others; they are not measured "
        f"here. {escape(cohort.comparable_with)}</p>"
        f"<p>Family {escape(row.family)}, {count(row.parameters)} parameters, "
        f"{count(row.training_tokens)} training tokens.</p>"
        + (mixture_note(cohort) if row.model in cohort.mixtures else "")
        + place
        + "<h2>All figures</h2>"
        + table("figures", caption, header, rows)
        + f"<h2>Sources</h2><ul>{sources}</ul>"
    )
