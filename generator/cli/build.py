"""`leaderboard build` and `leaderboard serve`."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from generator.cli.app import Root, app, read_contents
from generator.records.base import Problem, UserError


@app.command()
def build(
    root: Root = Path(),
    html: Annotated[bool, typer.Option(help="Run mkdocs as well.")] = True,
) -> None:
    """Rebuild tables, fits and the site from the records, unless nothing has changed.

    Example: `leaderboard build`
    """
    from generator.files.site import build_html, hash_inputs, is_built, mark_built, write_site

    commit, commit_date = _commit(root)
    folder = root / "build" / "html"
    inputs = hash_inputs(root, f"{commit} {commit_date}")
    if html and is_built(root, inputs):
        print(f"nothing has changed: the site in {folder} is up to date")
        return
    write_site(root, _render(root, commit, commit_date))
    if html:
        build_html(root, commit_date)
        mark_built(root, inputs)
        print(f"the site is in {folder}; `leaderboard serve` shows it")


def _render(root: Path, commit: str, commit_date: str) -> dict[str, bytes]:
    """Every generated file of the site, from valid contents only."""
    from generator.cli.describe import describe_commands
    from generator.fits.evidence import weigh_evidence
    from generator.publish.site import render_site
    from generator.tables.cohorts import make_cohorts

    contents, problems = read_contents(root)
    if problems:
        raise UserError(problems)
    specs, stored = contents.specs, contents.stored
    cohorts = make_cohorts(specs, stored, contents.published)
    evidence = {cohort.name: weigh_evidence(cohort) for cohort in cohorts}
    log = root / "CHANGELOG.md"
    return render_site(
        cohorts,
        evidence,
        specs,
        stored,
        commit,
        commit_date,
        describe_commands(),
        contents.imported,
        log.read_text("utf-8") if log.is_file() else "",
    )


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


def _commit(root: Path) -> tuple[str, str]:
    """Id and date (ISO 8601) of the commit that the site is built from."""
    command = ["git", "-C", str(root), "log", "-1", "--format=%H %cI"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        return "unknown", "1970-01-01T00:00:00+00:00"
    commit, date = found.stdout.split()
    return commit, date
