"""How much text is enough, and what it costs beside the benchmarks: a part of the Predict page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from compression_leaderboard.board.text_amounts import Amount, Cost
from compression_leaderboard.fits.predict import Yardstick
from compression_leaderboard.pages.charts import Run, draw_runs
from compression_leaderboard.pages.text import (
    UNKNOWN,
    count,
    counted,
    escape,
    number,
    percent,
    table,
    valued,
)
from compression_leaderboard.pages.unrendered import chart_html
from compression_leaderboard.repository.specs import Specs

TABLE = "amounts-table"  # its id
ENOUGH = 0.5  # of the fit's own error: the two together are then an eighth more than the fit's
ENOUGH_IS = (
    "Enough is what brings at most half of the fit's own error, so that a prediction errs by an "
    "eighth more than from endless text:"
)


@dataclass(frozen=True)
class _Step:
    """A text and a number of documents: medians over the models."""

    documents: int
    bytes: float
    models: int
    error: float
    paired: float | None


def render_amounts(
    specs: Specs, amounts: Sequence[Amount], yardsticks: Mapping[str, Yardstick | None]
) -> str:
    """Prediction error by the amount of text. yardsticks: by corpus."""
    heading = '<h2 id="amounts">How much text is enough</h2>'
    steps = {corpus: _steps(amounts, corpus) for corpus in sorted({a.corpus for a in amounts})}
    if not steps:
        reason = "No text of two or more documents is measured yet, so nothing is known of it."
        return f"{heading}<p>{reason}</p>"
    titles = {name: specs.corpora[name].title for name in steps}
    verdicts = "".join(
        f"<li>{escape(titles[name])}: {_verdict(own, yardstick)}</li>"
        for name, own in steps.items()
        if (yardstick := yardsticks[name]) is not None
    )
    words = (
        "<p>A text's bits per byte are known the better, the more documents are scored. What makes "
        "one document hard makes it hard for all models; so a prediction is surest on the very "
        "documents that the fit's models were scored on. Less than one document cannot be told "
        "from the records, which keep the bits of each document.</p>"
        f"{_about([*{y.cohort: y for y in yardsticks.values() if y}.values()])}"
        + (f"<p>{ENOUGH_IS}</p><ul>{verdicts}</ul>" if verdicts else "")
    )
    return heading + words + _chart(steps, titles) + _table(steps, titles, yardsticks)


def _steps(amounts: Sequence[Amount], corpus: str) -> list[_Step]:
    own = [a for a in amounts if a.corpus == corpus]
    found = []
    for documents in sorted({a.documents for a in own}):
        same = [a for a in own if a.documents == documents]
        paired = [a.paired_error for a in same if a.paired_error is not None]
        found.append(
            _Step(
                documents,
                same[0].bytes,
                len(same),
                median(a.error for a in same),
                median(paired) if paired else None,
            )
        )
    return found


def _about(yardsticks: Sequence[Yardstick]) -> str:
    """Where points come from."""
    return "".join(
        f"<p>Points are those of the mean score in the set “{escape(one.title)}”, where a bit per "
        f"byte more costs {percent(abs(one.slope), 0)} points along a straight line and the chosen "
        f"form errs by {percent(one.rmse, 2)} points on left-out groups. "
        + (
            "That set was scored on the same text under the same protocol.</p>"
            if one.own_texts
            else "That set was scored on another text under another protocol: its points show the "
            "size of the error and are no prediction for models measured here.</p>"
        )
        for one in yardsticks
    )


def _verdict(steps: Sequence[_Step], yardstick: Yardstick) -> str:
    """The cheapest measurement: the text's part of the error is below half of the fit's own."""
    parts = []
    for label, errors in (
        ("on the documents of the fit", [step.paired for step in steps]),
        ("on others", [step.error for step in steps]),
    ):
        enough = [
            step
            for step, error in zip(steps, errors, strict=True)
            if error is not None and yardstick.from_text(error) <= ENOUGH * yardstick.rmse
        ]
        if all(error is None for error in errors):
            parts.append(f"{label} nothing is known, with one model alone")
        elif enough:
            first = enough[0]
            parts.append(
                f"{label} {counted(first.documents, 'document')} "
                f"({count(first.bytes)} bytes) {'is' if first.documents == 1 else 'are'} enough"
            )
        else:
            parts.append(f"{label} all {steps[-1].documents} are not enough")
    return f"{'; '.join(parts)}."


def _chart(steps: Mapping[str, Sequence[_Step]], titles: Mapping[str, str]) -> str:
    runs = [
        Run(
            titles[name],
            tuple(step.bytes for step in own),
            tuple(step.error for step in own),
            tuple(
                f"{titles[name]}, {counted(step.documents, 'document')}: "
                f"± {number(step.error, 3)} bits per byte"
                for step in own
            ),
        )
        for name, own in steps.items()
    ]
    summary = (
        f"Standard error of bits per byte against bytes scored, {_medians(steps)}. "
        "Whole documents: it falls with the square root of their number."
    )
    labels = ("Bytes scored, logarithmic", "Standard error, bits per byte")
    return chart_html(draw_runs(runs, labels, summary, TABLE, logarithmic=True))


def _table(
    steps: Mapping[str, Sequence[_Step]],
    titles: Mapping[str, str],
    yardsticks: Mapping[str, Yardstick | None],
) -> str:
    header = [
        ("Text", False),
        ("Documents", True),
        ("Bytes", True),
        ("Models", True),
        ("Standard error, bits per byte", True),
        ("Of a difference on the same documents", True),
        ("Prediction error on the fit's documents, points", True),
        ("Prediction error on others, points", True),
    ]
    rows = [
        [
            escape(titles[name]),
            str(step.documents),
            valued(count(round(step.bytes)), step.bytes),
            str(step.models),
            valued(number(step.error, 4), step.error),
            valued(number(step.paired, 4), step.paired),
            _points(yardsticks[name], step.paired),
            _points(yardsticks[name], step.error),
        ]
        for name, own in steps.items()
        for step in own
    ]
    caption = (
        f"Errors by the amount of text, {_medians(steps)}. The prediction error adds the fit's own "
        "to that of the text, as roots of squares; every model is in text_amounts.csv"
    )
    return table(TABLE, caption, header, rows)


def _medians(steps: Mapping[str, Sequence[_Step]]) -> str:
    """What the figures of a chart or table are medians over."""
    models = max(step.models for own in steps.values() for step in own)
    return f"medians over up to {counted(models, 'model')} on {counted(len(steps), 'text')}"


def _points(yardstick: Yardstick | None, error: float | None) -> str:
    if yardstick is None or error is None:
        return UNKNOWN
    value = yardstick.in_all(error)
    return valued(percent(value, 2), value)


def render_costs(specs: Specs, costs: Sequence[Cost]) -> str:
    """Seconds of compression scoring against seconds of the benchmarks that it predicts."""
    heading = '<h2 id="costs">What scoring costs</h2>'
    if not costs:
        return f"{heading}<p>No model has both a text and a suite measured yet.</p>"
    header = [
        ("Model", False),
        ("Text", False),
        ("Bytes", True),
        ("Seconds of the text", True),
        ("Suite", False),
        ("Items", True),
        ("Seconds of the suite", True),
        ("Suite over text", True),
        ("Measured on", False),
    ]
    rows = [
        [
            escape(specs.models[c.model].title),
            escape(specs.corpora[c.corpus].title),
            valued(count(c.bytes), c.bytes),
            valued(number(c.corpus_seconds, 0), c.corpus_seconds),
            escape(specs.suites[c.suite].title),
            str(c.items),
            valued(number(c.suite_seconds, 0), c.suite_seconds),
            valued(number(c.ratio, 2), c.ratio),
            escape(_ways(c)),
        ]
        for c in costs
    ]
    ratios = [c.ratio for c in costs if c.ratio is not None]
    caption = (
        f"Wall time of {counted(len(costs), 'pair')} of whole jobs, loading included. Of "
        f"{counted(len(ratios), 'pair')} that ran in the same way the text is the cheaper one in "
        f"{sum(r > 1 for r in ratios)}. Seconds grow in proportion to the bytes of a text and to "
        "the items of a suite; those of a text include the information plane, which the same pass "
        "feeds. Jobs that ran in other ways have no ratio"
    )
    return heading + table("costs-table", caption, header, rows)


def _ways(cost: Cost) -> str:
    if cost.corpus_way == cost.suite_way:
        return cost.corpus_way
    return f"text: {cost.corpus_way}; suite: {cost.suite_way}"
