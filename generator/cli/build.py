"""`leaderboard build` and `leaderboard serve`."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from generator.cli.app import Root, all_problems, app, valid_specs
from generator.files.commits import Commit, read_commit
from generator.files.imported import read_imported
from generator.files.published import read_published
from generator.files.results import read_results
from generator.records.base import Problem, UserError


@app.command()
def build(
    root: Root = Path(),
    html: Annotated[bool, typer.Option(help="Run mkdocs as well.")] = True,
) -> None:
    """Rebuild tables, fits and the site from the records.

    Example: `leaderboard build`
    """
    from generator.cli.describe import describe_commands
    from generator.files.site import build_html, write_site
    from generator.fits.evidence import weigh_evidence
    from generator.publish.site import render_site
    from generator.tables.cohorts import make_cohorts

    if problems := all_problems(root):
        raise UserError(problems)
    specs, stored = valid_specs(root), read_results(root, "measured")[0]
    cohorts = make_cohorts(specs, stored, read_published(root)[0])
    evidence = {cohort.name: weigh_evidence(cohort) for cohort in cohorts}
    imported = read_imported(root)[0]
    commit = commit_of(root)
    pages = render_site(
        cohorts, evidence, specs, stored, commit.id, commit.date, describe_commands(), imported
    )
    write_site(root, pages)
    if html:
        build_html(root, commit.date)
        print(f"the site is in {root / 'build' / 'html'}; `leaderboard serve` shows it")


@app.command()
def serve(
    root: Root = Path(),
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8000,
) -> None:
    """Show the built site on this machine.

    Example: `leaderboard serve --port 8000`
    """
    folder = root / "build" / "html"
    if not (folder / "index.html").is_file():
        raise UserError(
            [Problem("build/html", "", "is not there", "run `leaderboard build` first")]
        )
    print(f"http://127.0.0.1:{port}/ (stop with Ctrl-C)")
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    subprocess.run([*command, "--directory", str(folder)], check=False)


def commit_of(root: Path) -> Commit:
    """The commit that the site is built from; outside of a repository one without a name."""
    try:
        return read_commit(root, "HEAD")
    except UserError:
        return Commit("unknown", "1970-01-01T00:00:00+00:00")
