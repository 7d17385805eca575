"""The `leaderboard` command: stdout is the answer, stderr is progress."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from generator.files.published import read_published
from generator.files.results import read_results
from generator.files.specs import Specs, read_specs
from generator.plan import Job, latest_results, plan_jobs
from generator.records.base import Problem, UserError
from generator.records.results import Result

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")
progress_console = Console(stderr=True)

Root = Annotated[Path, typer.Option(help="The repository.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
ModelFilter = Annotated[str | None, typer.Option("--model", help="Only this model id.")]
SuiteFilter = Annotated[str | None, typer.Option("--suite", help="Only this suite.")]
CorpusFilter = Annotated[str | None, typer.Option("--corpus", help="Only this corpus.")]
ProfileFilter = Annotated[str | None, typer.Option("--profile", help="Only what it lists.")]


def main() -> None:
    """Run the command; a UserError is printed, anything else is our bug and shows its traceback."""
    try:
        app()
    except UserError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        sys.exit(1)


@app.command()
def check(root: Root = Path(), as_json: AsJson = False) -> None:
    """Print every problem of runs/ and results/ at once.

    Example: `leaderboard check`
    """
    problems = _all_problems(root)
    if as_json:
        print(json.dumps([vars(problem) for problem in problems], indent=1))
    elif problems:
        raise UserError(problems)
    else:
        print("runs/ and results/ are in order")
    if problems:
        raise typer.Exit(1)


@app.command()
def plan(
    root: Root = Path(),
    model: ModelFilter = None,
    suite: SuiteFilter = None,
    corpus: CorpusFilter = None,
    profile: ProfileFilter = None,
    local: Annotated[bool, typer.Option("--local", help="Against results/local.")] = False,
    pin: Annotated[bool, typer.Option("--pin", help="Resolve unpinned datasets.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is missing or stale, and why.

    Example: `leaderboard plan --corpus sotu`
    """
    if pin:
        _pin_datasets(root)
    specs = _valid_specs(root)
    stored, _ = read_results(root, "local" if local else "measured")
    jobs = _select(plan_jobs(specs, stored), specs, model, suite, corpus, profile)
    if as_json:
        print(json.dumps([_job_row(job) for job in jobs], indent=1))
        return
    for job in jobs:
        print(
            f"{_job_name(job)}: {job.why}" + (f" (blocked: {job.blocked})" if job.blocked else "")
        )
    if not jobs:
        print("nothing to do: every record is there and of today's protocol")


@app.command()
def measure(
    root: Root = Path(),
    model: ModelFilter = None,
    suite: SuiteFilter = None,
    corpus: CorpusFilter = None,
    profile: ProfileFilter = None,
    local: Annotated[bool, typer.Option("--local", help="Write to results/local.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what has a record.")] = False,
) -> None:
    """Measure what is missing; killed and run again, it goes on.

    Example: `leaderboard measure --profile quick --local`
    """
    from generator.measure.run import Workplace, run_jobs

    specs = _valid_specs(root)
    folder = "local" if local else "measured"
    stored, _ = read_results(root, folder)
    committed = latest_results(read_results(root, "measured")[0]) if local else {}
    planned = plan_jobs(specs, stored, again=again)
    jobs = _select(planned, specs, model, suite, corpus, profile)
    for job in jobs:
        if job.blocked:
            print(f"{_job_name(job)}: left out, {job.blocked}", file=sys.stderr)
    jobs = [job for job in jobs if not job.blocked]
    if not jobs:
        print("nothing to do: every record is there and of today's protocol")
        return
    from generator.files.results import write_result

    failures = 0
    place = Workplace(root.resolve(), root.resolve() / "build" / "cache")
    with Progress(console=progress_console, transient=True) as progress:
        bar = progress.add_task("loading", total=None)

        def report(stage: str, done: int, total: int) -> None:
            progress.update(bar, description=stage, completed=done, total=total)

        for number, (job, result) in enumerate(run_jobs(jobs, specs, place, report), start=1):
            file = write_result(root, folder, result)
            failures += result.error is not None
            line = f"[{number}/{len(jobs)}] {_job_name(job)}: {_summary(result)} → {file}"
            print(line, file=sys.stderr)
            if known := committed.get(job.key):
                print(_comparison(result, known.result))
    print(f"{len(jobs) - failures} measured, {failures} failed")
    if failures:
        raise typer.Exit(1)


@app.command()
def build(
    root: Root = Path(),
    html: Annotated[bool, typer.Option(help="Run mkdocs as well.")] = True,
) -> None:
    """Rebuild tables, fits and the site from the records.

    Example: `leaderboard build`
    """
    from generator.files.site import build_html, write_site
    from generator.fits.evidence import weigh_evidence
    from generator.publish.site import render_site
    from generator.tables.cohorts import make_cohorts

    if problems := _all_problems(root):
        raise UserError(problems)
    specs, stored = _valid_specs(root), read_results(root, "measured")[0]
    cohorts = make_cohorts(specs, stored, read_published(root)[0])
    evidence = {cohort.name: weigh_evidence(cohort) for cohort in cohorts}
    commit, commit_date = _commit(root)
    pages = render_site(cohorts, evidence, specs, stored, commit, commit_date)
    write_site(root, pages)
    if html:
        build_html(root, commit_date)
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


def _all_problems(root: Path) -> list[Problem]:
    found = read_specs(root)[1] + read_published(root)[1]
    return sorted(found + read_results(root, "measured")[1])


def _valid_specs(root: Path) -> Specs:
    specs, problems = read_specs(root)
    if problems:
        raise UserError(problems)
    return specs


def _select(
    jobs: list[Job],
    specs: Specs,
    model: str | None,
    suite: str | None,
    corpus: str | None,
    profile: str | None,
) -> list[Job]:
    """The jobs that the filters leave; an unknown name is an error that lists the known ones."""
    asked = {"model": model, "suite": suite, "corpus": corpus, "profile": profile}
    known: dict[str, Any] = {
        "model": specs.models,
        "suite": specs.suites,
        "corpus": specs.corpora,
        "profile": specs.profiles,
    }
    unknown = [
        f'--{kind}: unknown {kind} "{name}"; choose from {", ".join(sorted(known[kind]))}'
        for kind, name in asked.items()
        if name is not None and name not in known[kind]
    ]
    if unknown:
        raise UserError(unknown)
    kept = [job for job in jobs if model in (None, job.model.id)]
    if suite or corpus:
        kept = [job for job in kept if job.name == (suite if job.kind == "suite" else corpus)]
    if profile:
        listed = specs.profiles[profile]
        names = {"suite": listed.suites, "corpus": listed.corpora}
        kept = [j for j in kept if j.model.id in listed.models and j.name in names[j.kind]]
    return kept


def _job_name(job: Job) -> str:
    place = job.model.id
    if job.model.checkpoints:
        place += f" at {job.checkpoint.tokens_seen} tokens"
    return f"{place} {job.kind} {job.name}"


def _job_row(job: Job) -> dict[str, Any]:
    return {
        "model": job.model.id,
        "revision": job.checkpoint.revision,
        "kind": job.kind,
        "name": job.name,
        "why": job.why,
        "blocked": job.blocked,
    }


def _summary(result: Result) -> str:
    if result.error is not None:
        return f"failed ({result.error.reason}): {result.error.message}"
    return f"{_headline(result)}, {result.environment.wall_seconds:.0f} s"


def _headline(result: Result) -> str:
    if result.lossless is not None:
        return f"{result.lossless.bits_per_byte:.4f} bits/byte"
    main = [_main_score(task) for task in result.tasks]
    return f"mean score {sum(main) / len(main):.4f}"


def _main_score(task: Any) -> float:
    return next(float(s.value) for s in task.scores if s.metric == task.task.metric)


def _comparison(result: Result, record: Result) -> str:
    """One line that holds a local figure against the committed one."""
    if result.error is not None:
        return f"{result.name}: your machine failed, nothing to compare"
    if result.lossless is not None and record.lossless is not None:
        ours, theirs = result.lossless.bits_per_byte, record.lossless.bits_per_byte
        unit = "bits/byte"
    else:
        ours, theirs = (sum(map(_main_score, r.tasks)) / len(r.tasks) for r in (result, record))
        unit = "mean score"
    return (
        f"{result.name}: your machine: {ours:.4f} {unit}, record {theirs:.4f}, "
        f"difference {ours - theirs:+.4f} "
        f"({result.environment.dtype} here, {record.environment.dtype} there)"
    )


def _commit(root: Path) -> tuple[str, str]:
    """Id and date (ISO 8601) of the commit that the site is built from."""
    command = ["git", "-C", str(root), "log", "-1", "--format=%H %cI"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        return "unknown", "1970-01-01T00:00:00+00:00"
    commit, date = found.stdout.split()
    return commit, date


def _pin_datasets(root: Path) -> None:
    from generator.measure.hub import resolve_dataset

    for path in sorted((root / "runs" / "suites").glob("*.toml")):
        from generator.files.pins import pin_datasets

        pinned = pin_datasets(path, resolve_dataset)
        for name, revision in pinned:
            print(f"{path.name}: {name} → {revision}", file=sys.stderr)


if __name__ == "__main__":
    main()
