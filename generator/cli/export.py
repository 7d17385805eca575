"""`leaderboard export`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator.cli.app import Root, all_problems, app, valid_specs
from generator.cli.jobs import refuse_unknown
from generator.files.results import write_atomically
from generator.records.base import Problem, UserError

if TYPE_CHECKING:
    from generator.export.board import Board


@app.command()
def export(
    root: Root = Path(),
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; without it build/export.")
    ] = None,
    model_card: Annotated[
        str | None,
        typer.Option(help="Print the YAML of this model's scores for its page on the Hub instead."),
    ] = None,
    lm_eval: Annotated[
        str | None, typer.Option(help="Print this model's scores as lm-eval result JSON instead.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="With --lm-eval: the suite, where there are several.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="With --model-card: address of the board, for links back.")
    ] = None,
) -> None:
    """Write every table, the API, feed, badges and Every Eval Ever records, without the pages.

    Example: `leaderboard export --model-card google__gemma-3-270m@Q4_K_M`
    """
    from generator.cli.boards import read_board
    from generator.cli.build import commit_of
    from generator.export.files import export_files

    if problems := all_problems(root):
        raise UserError(problems)
    if (wanted := model_card or lm_eval) is not None:
        refuse_unknown({"model": ("model", wanted, valid_specs(root).models)})
    board = read_board(root, commit_of(root))
    if model_card is not None:
        print(_model_card(board, model_card, site), end="")
    elif lm_eval is not None:
        print(_lm_eval(board, lm_eval, suite))
    else:
        folder = out or root / "build" / "export"
        files = export_files(board)
        for path, content in files.items():
            write_atomically(folder / path, content)
        print(f"{len(files)} files are in {folder}")


def _model_card(board: "Board", model: str, site: str | None) -> str:
    from generator.export.model_card import eval_results_yaml, model_index_yaml

    results = eval_results_yaml(board, model, site)
    if results.strip() == "[]":
        note = "no task of a dataset on the Hub is measured: .eval_results has no entry"
        print(f"{model}: {note}", file=sys.stderr)
    return (
        "# .eval_results/llm-compression-leaderboard.yaml\n"
        f"{results}---\n# front matter of the model's README.md\n"
        f"{model_index_yaml(board, model, site)}"
    )


def _lm_eval(board: "Board", model: str, suite: str | None) -> str:
    from generator.export.lm_eval_results import lm_eval_results

    found = lm_eval_results(board, model)
    if suite is None and len(found) == 1:
        suite = next(iter(found))
    if suite not in found:
        wrong = f"has no result of suite {suite}" if suite else "is measured on several suites"
        if not found:
            wrong = "is measured on no suite yet"
        repair = f"choose with --suite from {', '.join(found)}" if found else "measure it first"
        raise UserError([Problem(model, "", wrong, repair)])
    return json.dumps(found[suite], indent=2, ensure_ascii=False)
