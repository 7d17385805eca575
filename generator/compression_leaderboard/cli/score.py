"""`leaderboard score`."""

import csv
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from compression_leaderboard.cli.app import AsJson, Root, app, print_json, read_valid, show_progress
from compression_leaderboard.own_text.comparison import Summary, summarise
from compression_leaderboard.own_text.documents import Faults
from compression_leaderboard.own_text.journal import DocumentCost, Journal
from compression_leaderboard.own_text.rows import Found, find_files
from compression_leaderboard.pages.own_text_report import (
    OTHER_PROTOCOL,
    Report,
    pair_sentence,
    rate_sentence,
    render_report,
    sample_sentence,
)
from compression_leaderboard.pages.rendering import Renderer
from compression_leaderboard.records.base import UserError
from compression_leaderboard.repository.files import write_atomically
from compression_leaderboard.repository.specs import read_specs
from compression_leaderboard.wording import counted, plural

STRIDE = "Tokens by which windows advance. Default: half the window."
BUDGET = "Time for a random sample, such as 90s, 5m or 2h."
START_TOKEN = "With --endpoint: the token before each document."
COLUMNS = ("document", "bytes", "scorer", "bits", "bits_per_byte", "lossless")


@app.command()
def score(
    model: Annotated[
        list[str],
        typer.Option(help="A model's id, org/name@commit, a folder or a .gguf file; repeatable."),
    ],
    text: Annotated[list[Path], typer.Option(help="Your file or folder; repeatable.")],
    more: Annotated[list[Path] | None, typer.Argument(help="More files or folders.")] = None,
    root: Root = Path(),
    field: Annotated[str, typer.Option(help="Field or column with the text.")] = "text",
    window: Annotated[int, typer.Option(min=2, help="Longest context, in tokens.")] = 1024,
    stride: Annotated[int | None, typer.Option(min=1, help=STRIDE)] = None,
    budget: Annotated[str | None, typer.Option(help=BUDGET)] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random sample.")] = 0,
    leave_out: Annotated[bool, typer.Option("--leave-out", help="Skip faulty documents.")] = False,
    compressors: Annotated[bool, typer.Option(help="Score with classical compressors too.")] = True,
    journal: Annotated[Path | None, typer.Option(help="Folder. Default: build/score.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Use models of a vLLM server at this URL.")
    ] = None,
    start_token: Annotated[int | None, typer.Option(help=START_TOKEN)] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report.")] = None,
    costs: Annotated[
        Path | None,
        typer.Option("--csv", help="Write every document's cost."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score your own text; it stays on this machine unless you name an --endpoint.

    Example: `leaderboard score --model google__gemma-3-270m@Q4_K_M --text notes --report a.html`
    """
    from compression_leaderboard.cli.score_run import (
        OwnText,
        board_predictions,
        list_text,
        score_compressors,
        score_endpoint,
        score_models,
    )
    from compression_leaderboard.measure.weights import resolve_reference

    stride = stride or max(1, window // 2)
    specs, listed = read_valid(read_specs, root), find_files([*text, *(more or [])])
    resolved = [] if endpoint else [resolve_reference(name, specs.models) for name in model]
    references = [reference for reference in resolved if not isinstance(reference, str)]
    problems = [
        *map(str, listed.problems),
        *(wrong for wrong in resolved if isinstance(wrong, str)),
    ]
    if endpoint and not endpoint.startswith(("http://", "https://")):
        problems.append(f"--endpoint {endpoint}: is not an address; write http://host:port")
    seconds = _check_options(model, window, stride, budget, problems)
    with (
        closing(_open(journal or root / "build" / "score")) as opened,
        show_progress() as progress,
    ):
        own_text = OwnText(listed.files, field, opened, progress)
        faults = list_text(own_text, seed if budget else None, leave_out)
        if endpoint:
            served = (model, endpoint, own_text, window, stride, start_token, seconds)
            scorers, before = score_endpoint(*served)
        else:
            scorers, before = score_models(references, own_text, root, window, stride, seconds)
        others = score_compressors(own_text, before) if compressors else []
        numbers = [scorer.number for scorer in (*scorers, *others)]
        titles, other_titles = ([scorer.title for scorer in group] for group in (scorers, others))
        summary = summarise(
            opened.costs(numbers, before),
            opened.extent(before)[0],
            opened.extent(),
            titles,
            other_titles,
        )
        if costs:
            _write_costs(costs, opened.costs(numbers, before), [*titles, *other_titles])
    predictions, silent = board_predictions(specs, root, scorers)
    page = Report(
        summary=summary,
        date=date.today().isoformat(),
        window_tokens=window,
        stride_tokens=stride,
        machine=f"{platform.machine()}, Python {platform.python_version()}",
        left_out=_left_out(faults, listed),
        predictions=predictions,
        why_no_predictions=silent,
        endpoint=endpoint,
    )
    if report:
        template = files("compression_leaderboard.pages").joinpath("report.html")
        render = Renderer({template.name: template.read_text("utf-8")}, page.date)
        write_atomically(report, render_report(render, page))
    if as_json:
        print_json(asdict(page) | {"sentences": _sentences(page.summary), "note": OTHER_PROTOCOL})
    else:
        print(_in_words(page))


def _check_options(
    models: Sequence[str], window: int, stride: int, budget: str | None, problems: list[str]
) -> float | None:
    """Read the seconds of a budget. Raises UserError with these problems and all of the options."""
    twice = sorted({name for name in models if models.count(name) > 1})
    problems += [f"--model {name}: is named twice; name it once" for name in twice]
    if stride > window:
        problems.append(f"--stride {stride}: exceeds --window {window}; lower it")
    seconds = None
    if budget is not None:
        time = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", budget)
        seconds = float(time[1]) * {"s": 1, "m": 60, "h": 3600}[time[2]] if time else None
        if not seconds:
            problems.append(f"--budget {budget}: is not a time; write one such as 90s, 5m or 2h")
    if problems:
        raise UserError(problems)
    return seconds


def _open(folder: Path) -> Journal:
    journal = Journal(folder / "journal.sqlite")
    if journal.damaged:
        damaged = counted(journal.damaged, "entry is", "entries are")
        print(f"{journal.path}: {damaged} damaged; scored again", file=sys.stderr)
    return journal


def _left_out(faults: Faults, listed: Found) -> str:
    parts = []
    if faults.count:
        parts.append(f"{faults.count:,} faulty {plural(faults.count, 'document')}")
    if skipped := sum(listed.passed_over.values()):
        kinds = ", ".join(f"{n} {kind}" for kind, n in listed.passed_over.most_common(8))
        parts.append(f"{skipped:,} {plural(skipped, 'file')} without text ({kinds})")
    return "; ".join(parts)


def _write_costs(path: Path, rows: Iterable[DocumentCost], scorers: Sequence[str]) -> None:
    """Write one row per document and scorer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            for scorer, bits, lossless in zip(scorers, row.bits, row.lossless, strict=True):
                known = str(lossless).lower()
                cells = (row.name, row.bytes, scorer, repr(bits), repr(bits / row.bytes), known)
                writer.writerow(cells)


def _sentences(summary: Summary) -> list[str]:
    return [sample_sentence(summary), *(pair_sentence(pair, summary) for pair in summary.pairs)]


def _in_words(page: Report) -> str:
    summary = page.summary
    first, *comparisons = _sentences(summary)
    lines = [first, "", *map(rate_sentence, summary.rates)]
    lines += ["", *comparisons] if comparisons else []
    for name in summary.worst:
        lines += ["", f"{name}: the documents that compress worst and best"]
        extremes = [*summary.worst[name][:3], *reversed(summary.best[name][:3])]
        lines += [f"  {text.bits_per_byte:.3f}  {text.name}" for text in dict.fromkeys(extremes)]
    lines += ["", "What the board predicts, from its records alone:"]
    for p in page.predictions:
        ends = f"{100 * p.low:.1f} to {100 * p.high:.1f}"
        lines.append(f"  {p.model}, {p.benchmark}: {100 * p.value:.1f} % ({ends}) {p.note}")
    lines += [f"  {line}" for line in page.why_no_predictions]
    if page.left_out:
        lines += ["", f"Left out: {page.left_out}."]
    return "\n".join(lines)
