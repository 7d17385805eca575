"""`leaderboard score`."""

import csv
import json
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from compression_leaderboard.cli.app import AsJson, Root, app, valid_specs
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
from compression_leaderboard.repository.results import write_atomically

COLUMNS = ("document", "bytes", "scorer", "bits", "bits_per_byte", "lossless")


@app.command()
def score(
    model: Annotated[
        list[str],
        typer.Option(help="An id of runs/, org/name@commit, a folder or .gguf; repeatable."),
    ],
    text: Annotated[list[Path], typer.Option(help="Your file or folder; repeatable.")],
    more: Annotated[list[Path] | None, typer.Argument(help="More files or folders.")] = None,
    root: Root = Path(),
    field: Annotated[str, typer.Option(help="Field or column that holds the text.")] = "text",
    window: Annotated[int, typer.Option(min=2, help="Longest context, in tokens.")] = 1024,
    stride: Annotated[int | None, typer.Option(min=1, help="Else half the window.")] = None,
    budget: Annotated[str | None, typer.Option(help="A random sample: 90s, 5m or 2h.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random sample.")] = 0,
    leave_out: Annotated[bool, typer.Option("--leave-out", help="Skip faulty documents.")] = False,
    compressors: Annotated[bool, typer.Option(help="Classical compressors too.")] = True,
    journal: Annotated[Path | None, typer.Option(help="Folder; else build/score.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Models of a vLLM server at this URL.")
    ] = None,
    start_token: Annotated[int | None, typer.Option(help="Where a server has none.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report.")] = None,
    costs: Annotated[Path | None, typer.Option("--csv", help="Write every document.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score your own text with one or several models; nothing of it leaves this machine.

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
    from compression_leaderboard.measure.weights import Reference, resolve_reference

    stride = stride or max(1, window // 2)
    specs, found = valid_specs(root), find_files([*text, *(more or [])])
    resolved = [] if endpoint else [resolve_reference(name, specs.models) for name in model]
    problems = [str(problem) for problem in found.problems]
    problems += [one for one in resolved if isinstance(one, str)]
    if endpoint and not endpoint.startswith(("http://", "https://")):
        problems.append(f"--endpoint {endpoint}: is no address; write http://host:port")
    seconds = _check_options(model, window, stride, budget, problems)
    references = [one for one in resolved if isinstance(one, Reference)]
    with (
        closing(_open(journal or root / "build" / "score")) as opened,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        own = OwnText(found.files, field, opened, progress)
        faults = list_text(own, seed if budget else None, leave_out)
        if endpoint:
            served = (model, endpoint, own, window, stride, start_token, seconds)
            scorers, before = score_endpoint(*served)
        else:
            scorers, before = score_models(references, own, root, window, stride, seconds)
        others = score_compressors(own, before) if compressors else []
        everyone = [*scorers, *others]
        summary = summarise(
            opened.costs([one.number for one in everyone], before),
            opened.extent(before)[0],
            opened.extent(),
            [one.title for one in scorers],
            [one.title for one in others],
        )
        if costs:
            rows = opened.costs([one.number for one in everyone], before)
            _write_costs(costs, rows, [one.title for one in everyone])
    predictions, silent = board_predictions(specs, root, scorers)
    page = Report(
        summary=summary,
        date=date.today().isoformat(),
        window_tokens=window,
        stride_tokens=stride,
        machine=f"{platform.machine()}, Python {platform.python_version()}",
        left_out=_left_out(faults, found),
        predictions=predictions,
        why_no_predictions=silent,
        endpoint=endpoint,
    )
    if report:
        template = files("compression_leaderboard.pages").joinpath("report.html")
        render = Renderer({template.name: template.read_text("utf-8")}, page.date)
        write_atomically(report, render_report(render, page))
    print(json.dumps(_answer(page), indent=1) if as_json else _words(page))


def _check_options(
    models: Sequence[str], window: int, stride: int, budget: str | None, problems: list[str]
) -> float | None:
    """The seconds of a budget. Raises UserError with these problems and every one of its own."""
    twice = sorted({name for name in models if models.count(name) > 1})
    problems += [f"--model {name}: is named twice; name it once" for name in twice]
    if stride > window:
        problems.append(f"--stride {stride}: exceeds --window {window}; lower it")
    seconds = None
    if budget is not None:
        held = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", budget)
        seconds = float(held[1]) * {"s": 1, "m": 60, "h": 3600}[held[2]] if held else None
        if not seconds:
            problems.append(f"--budget {budget}: is no time; write such as 90s, 5m or 2h")
    if problems:
        raise UserError(problems)
    return seconds


def _open(folder: Path) -> Journal:
    journal = Journal(folder / "journal.sqlite")
    if journal.damaged:
        wrong = f"{journal.path}: {journal.damaged} entries are damaged"
        print(f"{wrong}; their texts are scored again", file=sys.stderr)
    return journal


def _left_out(faults: Faults, found: Found) -> str:
    parts = [f"{faults.count:,} faulty documents"] if faults.count else []
    if found.passed_over:
        kinds = ", ".join(f"{n} {kind}" for kind, n in found.passed_over.most_common(8))
        parts.append(f"{sum(found.passed_over.values()):,} files that are no text ({kinds})")
    return "; ".join(parts)


def _write_costs(path: Path, rows: Iterable[DocumentCost], scorers: Sequence[str]) -> None:
    """One row a document and scorer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            for scorer, bits, lossless in zip(scorers, row.bits, row.lossless, strict=True):
                known = str(lossless).lower()
                cells = (row.name, row.bytes, scorer, repr(bits), repr(bits / row.bytes), known)
                writer.writerow(cells)


def _answer(page: Report) -> dict[str, Any]:
    """Everything that the report holds, in full precision."""
    answer = asdict(page)
    answer["sentences"] = _sentences(page.summary)
    answer["note"] = OTHER_PROTOCOL
    return answer


def _sentences(summary: Summary) -> list[str]:
    return [sample_sentence(summary), *(pair_sentence(pair, summary) for pair in summary.pairs)]


def _words(page: Report) -> str:
    summary = page.summary
    first, *comparisons = _sentences(summary)
    lines = [first, "", *map(rate_sentence, summary.rates)]
    lines += ["", *comparisons] if comparisons else []
    for name in summary.worst:
        lines += ["", f"{name}: the documents that compress worst and best"]
        listed = [*summary.worst[name][:3], *reversed(summary.best[name][:3])]
        lines += [f"  {one.bits_per_byte:.3f}  {one.name}" for one in dict.fromkeys(listed)]
    lines += ["", "What the board predicts, from its records alone:"]
    for one in page.predictions:
        ends = f"{100 * one.low:.1f} to {100 * one.high:.1f}"
        lines.append(f"  {one.model}, {one.benchmark}: {100 * one.value:.1f} % ({ends}) {one.note}")
    lines += [f"  {line}" for line in page.why_no_predictions]
    if page.left_out:
        lines += ["", f"Left out: {page.left_out}."]
    return "\n".join(lines)
