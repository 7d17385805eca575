"""How much text is enough, and what it costs beside the benchmarks: a part of the Predict page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from compression_leaderboard.board.text_amounts import Amount, Cost
from compression_leaderboard.fits.predict import Yardstick
from compression_leaderboard.pages.charts import Chart, Run, draw_runs
from compression_leaderboard.pages.rendering import Cell, Renderer, Table, headings
from compression_leaderboard.pages.text import UNKNOWN, count, counted, number, percent
from compression_leaderboard.repository.specs import Specs

TABLE = "amounts-table"  # its id
ENOUGH = 0.5  # of the fit's own error: the two together are then an eighth more than the fit's


@dataclass(frozen=True)
class Step:
    """A text and a number of documents: medians over the models."""

    documents: int
    bytes: float
    models: int
    error: float
    paired: float | None


@dataclass(frozen=True)
class Text:
    """A text's steps, and the fit that turns its error into points, or None."""

    title: str
    steps: Sequence[Step]
    yardstick: Yardstick | None


def render_amounts(
    render: Renderer,
    specs: Specs,
    amounts: Sequence[Amount],
    costs: Sequence[Cost],
    yardsticks: Mapping[str, Yardstick | None],
) -> Markup:
    """Show prediction error by amount of text, and seconds of scoring. yardsticks: by corpus."""
    texts = [
        Text(specs.corpora[corpus].title, _steps(amounts, corpus), yardsticks[corpus])
        for corpus in sorted({amount.corpus for amount in amounts})
    ]
    fits = {text.yardstick.cohort: text.yardstick for text in texts if text.yardstick}
    timed = [cost.ratio for cost in costs if cost.ratio is not None]
    return render(
        "text_amounts.html",
        yardsticks=list(fits.values()),
        verdicts=[(t.title, _verdict(t.steps, t.yardstick)) for t in texts if t.yardstick],
        chart=_chart(texts) if texts else None,
        table=_table(texts) if texts else None,
        costs=_costs(specs, costs) if costs else None,
        timed=len(timed),
        cheaper=sum(ratio > 1 for ratio in timed),
    )


def _steps(amounts: Sequence[Amount], corpus: str) -> list[Step]:
    steps = []
    for documents in sorted({a.documents for a in amounts if a.corpus == corpus}):
        same = [a for a in amounts if a.corpus == corpus and a.documents == documents]
        paired = [a.paired_error for a in same if a.paired_error is not None]
        error = median(a.error for a in same)
        steps.append(
            Step(documents, same[0].bytes, len(same), error, median(paired) if paired else None)
        )
    return steps


def _verdict(steps: Sequence[Step], yardstick: Yardstick) -> str:
    """The cheapest measurement: the text's part of the error is below half of the fit's own."""
    on_fit = _cheapest(steps, [step.paired for step in steps], yardstick)
    on_others = _cheapest(steps, [step.error for step in steps], yardstick)
    return f"on the documents of the fit {on_fit}; on others {on_others}."


def _cheapest(steps: Sequence[Step], errors: Sequence[float | None], yardstick: Yardstick) -> str:
    if all(error is None for error in errors):
        return "nothing is known, with one model alone"
    for step, error in zip(steps, errors, strict=True):
        if error is not None and yardstick.from_text(error) <= ENOUGH * yardstick.rmse:
            verb = "is" if step.documents == 1 else "are"
            documents = counted(step.documents, "document")
            return f"{documents} ({count(step.bytes)} bytes) {verb} enough"
    return f"all {steps[-1].documents} are not enough"


def _chart(texts: Sequence[Text]) -> Chart:
    runs = [
        Run(
            text.title,
            tuple(step.bytes for step in text.steps),
            tuple(step.error for step in text.steps),
            tuple(
                f"{text.title}, {counted(step.documents, 'document')}: "
                f"± {number(step.error, 3)} bits per byte"
                for step in text.steps
            ),
        )
        for text in texts
    ]
    labels = ("Bytes scored, logarithmic", "Standard error, bits per byte")
    return draw_runs(
        runs, labels, f"Standard error by bytes scored, {_medians(texts)}", TABLE, logarithmic=True
    )


def _table(texts: Sequence[Text]) -> Table:
    figures = ["Documents", "Bytes", "Models", "Standard error, bits per byte"]
    figures += [
        "Of a difference on the same documents",
        "Prediction error on the fit's documents, points",
        "Prediction error on others, points",
    ]
    rows: list[list[Cell | str]] = [
        [
            text.title,
            str(step.documents),
            Cell(count(round(step.bytes)), step.bytes),
            str(step.models),
            Cell(number(step.error, 4), step.error),
            Cell(number(step.paired, 4), step.paired),
            _points(text.yardstick, step.paired),
            _points(text.yardstick, step.error),
        ]
        for text in texts
        for step in text.steps
    ]
    caption = f"Errors by amount of text, {_medians(texts)}"
    return Table(TABLE, caption, headings("Text", figures=figures), rows)


def _medians(texts: Sequence[Text]) -> str:
    """What the figures of the chart and the table are medians over."""
    models = max(step.models for text in texts for step in text.steps)
    return f"medians over up to {counted(models, 'model')} on {counted(len(texts), 'text')}"


def _points(yardstick: Yardstick | None, error: float | None) -> Cell:
    if yardstick is None or error is None:
        return Cell(UNKNOWN)
    value = yardstick.in_all(error)
    return Cell(percent(value, 2), value)


def _costs(specs: Specs, costs: Sequence[Cost]) -> Table:
    """Seconds of compression scoring against seconds of the benchmarks that it predicts."""
    rows: list[list[Cell | str]] = [
        [
            specs.models[c.model].title,
            specs.corpora[c.corpus].title,
            Cell(count(c.bytes), c.bytes),
            Cell(number(c.corpus_seconds, 0), c.corpus_seconds),
            specs.suites[c.suite].title,
            str(c.items),
            Cell(number(c.suite_seconds, 0), c.suite_seconds),
            Cell(number(c.ratio, 2), c.ratio),
            _ways(c),
        ]
        for c in costs
    ]
    header = [
        *headings("Model", "Text", figures=["Bytes", "Seconds of the text"]),
        *headings("Suite", figures=["Items", "Seconds of the suite", "Suite over text"]),
        *headings("Measured on"),
    ]
    caption = f"Wall time of {counted(len(costs), 'pair')} of whole jobs, loading included"
    return Table("costs-table", caption, header, rows)


def _ways(cost: Cost) -> str:
    if cost.corpus_way == cost.suite_way:
        return cost.corpus_way
    return f"text: {cost.corpus_way}; suite: {cost.suite_way}"
