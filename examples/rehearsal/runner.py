"""Run a workflow of .github/workflows on this machine, step by step as its YAML says.

`run` goes to bash, an action of GitHub to a stand-in below, and an unknown one is an error. The
repository is a bare one on disk; `make` (which only sets up a machine) and `gh` are stand-ins.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from expressions import fill, holds

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Hub:
    """What GitHub keeps: the repository, artifacts, pull requests, the site that is out."""

    folder: Path
    steps: list[str] = field(default_factory=list)  # "workflow/job: step", in the order of the runs

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def environment(self) -> dict[str, str]:
        path = f"{Path(__file__).parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
        more = {"PATH": path, "HUB": str(self.folder), "PYTHON": sys.executable}
        modules = os.pathsep.join([str(ROOT / "generator"), str(ROOT)])  # of this checkout
        return os.environ | more | {"PYTHONPATH": modules, "GIT_TERMINAL_PROMPT": "0"}


def git(*arguments: str, cwd: Path) -> str:
    who = ["-c", "user.name=rehearsal", "-c", "user.email=rehearsal@localhost"]
    command = ["git", *who, *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def read_jobs(name: str) -> dict[str, Any]:
    """The jobs of a workflow in the order of the file, which is that of their needs."""
    workflow = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text("utf-8"))
    jobs: dict[str, Any] = workflow["jobs"]
    return jobs


def run_workflow(
    hub: Hub,
    name: str,
    event: dict[str, Any],
    harm: Callable[[str, int], dict[str, str]] = lambda job, run: {},
    after_job: Callable[[str, dict[str, Any]], None] = lambda job, context: None,
) -> dict[str, dict[str, Any]]:
    """Result and outputs of every job. harm: more environment for a run of a job; after_job:
    called with its name and what its expressions may read."""
    shutil.rmtree(hub.artifacts(), ignore_errors=True)
    needs: dict[str, dict[str, Any]] = {}
    for job_name, job in read_jobs(name).items():
        asked = job.get("needs", [])
        asked = [asked] if isinstance(asked, str) else asked
        context = {"github": event, "needs": {n: needs[n] for n in asked}}
        went_well = all(needs[n]["result"] == "success" for n in asked)
        if not holds(job.get("if"), went_well, context):
            needs[job_name] = {"result": "skipped", "outputs": {}}
            continue
        matrix = fill(job.get("strategy", {}).get("matrix"), context)
        runs = [
            run_job(hub, f"{name}/{job_name}", job, context | {"matrix": entry}, harm(job_name, k))
            for k, entry in enumerate(matrix["include"] if matrix else [{}])
        ]
        worst = "failure" if any(r["result"] == "failure" for r in runs) else "success"
        needs[job_name] = {"result": worst, "outputs": runs[-1]["outputs"]}
        after_job(job_name, context)
    return needs


def run_job(
    hub: Hub, name: str, job: dict[str, Any], context: dict[str, Any], extra: dict[str, str]
) -> dict[str, Any]:
    """Steps in order, in an empty folder; a step that fails ends the job unless it may."""
    workspace = hub.folder / "workspace"
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir(parents=True)
    steps: dict[str, Any] = {}
    context, went_well = context | {"steps": steps}, True
    for number, step in enumerate(job["steps"]):
        shown = step.get("name") or step.get("uses", "").partition("@")[0]
        if not holds(step.get("if"), went_well, context):
            continue
        hub.steps.append(f"{name}: {shown}")
        outputs, is_done = run_step(hub, workspace, step, context, extra)
        steps[step.get("id", str(number))] = {
            "outputs": outputs,
            "outcome": "success" if is_done else "failure",
        }
        went_well = went_well and (is_done or bool(step.get("continue-on-error")))
    outputs = {key: fill(value, context) for key, value in job.get("outputs", {}).items()}
    return {"result": "success" if went_well else "failure", "outputs": outputs}


def run_step(
    hub: Hub, workspace: Path, step: dict[str, Any], context: dict[str, Any], extra: dict[str, str]
) -> tuple[dict[str, str], bool]:
    """Outputs of a step, and whether it went well."""
    given = {key: fill(value, context) for key, value in step.get("with", {}).items()}
    if "uses" in step:
        try:
            ACTIONS[step["uses"].partition("@")[0]](hub, workspace, given, context)
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return {}, False
        return {}, True
    files = {key: hub.folder / key.lower() for key in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for file in files.values():
        file.write_text("")
    own = {key: str(fill(value, context)) for key, value in step.get("env", {}).items()}
    written = {key: str(file) for key, file in files.items()} | {"GITHUB_PATH": os.devnull}
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        cwd=workspace / step.get("working-directory", "."),
        env=hub.environment() | own | written | extra,
        check=False,
        stdout=sys.stderr,
    )
    lines = files["GITHUB_OUTPUT"].read_text().splitlines()
    return dict(line.split("=", 1) for line in lines), done.returncode == 0


def _checkout(hub: Hub, workspace: Path, given: dict[str, Any], context: dict[str, Any]) -> None:
    """One commit, or the whole history with fetch-depth 0."""
    place = workspace / given.get("path", ".")
    place.mkdir(parents=True, exist_ok=True)
    commit = given.get("ref") or context["github"]["sha"]
    git("init", "--quiet", "--initial-branch=main", cwd=place)
    git("remote", "add", "origin", f"file://{hub.origin}", cwd=place)
    whole = given.get("fetch-depth", 1) == 0
    wanted = ["--tags", "origin"] if whole else ["--depth", "1", "origin", commit]
    git("fetch", "--quiet", *wanted, cwd=place)
    git("checkout", "--quiet", commit, cwd=place)


def _upload(hub: Hub, workspace: Path, given: dict[str, Any], context: dict[str, Any]) -> None:
    """A folder's content, or the files that a pattern means."""
    found = sorted(workspace.glob(given["path"]))
    target = hub.artifacts() / given.get("name", "github-pages")
    if not found and given.get("if-no-files-found") == "error":
        raise FileNotFoundError(f"no files to upload: {given['path']}")
    for path in found:
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def _download(hub: Hub, workspace: Path, given: dict[str, Any], context: dict[str, Any]) -> None:
    """One artifact by name, or each one of a pattern in a folder of its own."""
    place = workspace / given.get("path", ".")
    if "name" in given:
        shutil.copytree(hub.artifacts() / given["name"], place, dirs_exist_ok=True)
    else:
        place.mkdir(parents=True, exist_ok=True)
        for folder in sorted(hub.artifacts().glob(given["pattern"])):
            shutil.copytree(folder, place / folder.name)


def _deploy(hub: Hub, workspace: Path, given: dict[str, Any], context: dict[str, Any]) -> None:
    shutil.rmtree(hub.folder / "pages", ignore_errors=True)
    shutil.copytree(hub.artifacts() / "github-pages", hub.folder / "pages")


def _attest(hub: Hub, workspace: Path, given: dict[str, Any], context: dict[str, Any]) -> None:
    """No signature here: the hash of what would be signed."""
    subjects = sorted(workspace.glob(given["subject-path"]))
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in subjects]
    (hub.folder / "attestations.txt").write_text("".join(lines))


ACTIONS: dict[str, Callable[..., None]] = {
    "actions/checkout": _checkout,
    "actions/setup-python": lambda *_: None,
    "actions/upload-artifact": _upload,
    "actions/upload-pages-artifact": _upload,
    "actions/download-artifact": _download,
    "actions/deploy-pages": _deploy,
    "actions/attest-build-provenance": _attest,
}
