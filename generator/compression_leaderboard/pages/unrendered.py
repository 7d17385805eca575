"""Charts as HTML for pages that no template makes yet; goes when the last of them has one."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from compression_leaderboard.pages.charts import Chart
from compression_leaderboard.pages.dots import Dots
from compression_leaderboard.pages.rendering import Renderer
from compression_leaderboard.pages.text import table


@cache
def _renderer() -> Renderer:
    folder = Path(__file__).parents[3] / "site" / "templates"
    templates = {path.name: path.read_text("utf-8") for path in folder.glob("*.html")}
    for macro in ("chart", "dots"):
        templates[macro] = (
            f'{{% import "charts.html" as charts with context %}}{{{{ charts.{macro}(view) }}}}'
        )
    render = Renderer(templates, "")
    render._environment.filters["dated"] = str  # the page dates its captions
    return render


def chart_html(view: Chart) -> str:
    return str(_renderer()("chart", view=view))


def dots_html(view: Dots) -> str:
    return str(_renderer()("dots", view=view))


def folded_figures(
    table_id: str,
    caption: str,
    header: Iterable[tuple[str, bool]],
    rows: Iterable[Iterable[str]],
) -> str:
    """The table with a chart's figures, folded below it. Arguments as of `table`."""
    body = table(table_id, caption, header, rows)
    return f"<details><summary>The figures of this chart</summary>{body}</details>"
