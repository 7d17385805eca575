"""From a new model's file to its row on the site, by the workflows' own steps, without GitHub.

    make rehearsal

A bare repository on disk is the origin. A branch adds a model and is merged; Evaluate runs with
a shard lost, a job killed and two collectors at once; its pull request is merged; Evaluate runs
again for what is missing, with the sentinel beside it, and once more to find nothing to do. A
stranger contributes an honest record and a forged one; Evaluate measures a sample of both again and
measures the job of the forged one itself. Publish puts the site out. The same without faults gives
the same figures. The steps are read from .github/workflows/*.yml: runner.py.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runner import ROOT, Hub, git, read_jobs, run_job, run_workflow

sys.path.insert(0, str(ROOT))

from compression_leaderboard.cli import app
from compression_leaderboard.measure.checkpoint import hash_folder
from compression_leaderboard.plan.rechecks import compare_rechecks
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import (
    read_rechecks,
    read_records,
    write_record,
)

from tests.factory import lower_bits
from tests.tiny import save_tiny, tiny_model
from tests.workspace import add_model_file, write_board

COPIED = (".github", "site", "mkdocs.yml", "CHANGELOG.md")
NEWCOMER, CONTRIBUTED = "tiny__B", "tiny__C"
STRANGER = ("-c", "user.email=stranger@example.org")
SENTINEL = ("tiny__A", "corpus", "speeches")


def make_origin(folder: Path) -> Hub:
    """A hub whose main branch holds a miniature board: one model, nothing measured."""
    hub, work = Hub(folder), folder / "work"
    work.mkdir(parents=True)
    write_board(work)
    for seed, name in enumerate("BC", start=1):
        save_tiny(work / "weights" / name, model=tiny_model(seed=seed))
    (work / ".gitignore").write_text("build/\n")
    sentinel = f'model = "{SENTINEL[0]}"\ncorpus = "{SENTINEL[2]}"\n'
    (work / "runs/sentinel.toml").write_text(sentinel)
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, work / name)
    with (ROOT / "runs/maintainers.toml").open("rb") as file:
        workflow = json.dumps(tomllib.load(file)["workflow"])
    who = f'workflow = {workflow}\nmaintainers = ["rehearsal@localhost"]\n'
    (work / "runs/maintainers.toml").write_text(who)
    git("init", "--quiet", "--bare", "--initial-branch=main", str(hub.origin), cwd=folder)
    git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=hub.origin)
    git("init", "--quiet", "--initial-branch=main", cwd=work)
    git("remote", "add", "origin", str(hub.origin), cwd=work)
    git("add", "--all", cwd=work)
    git("commit", "--quiet", "--message", "A board", cwd=work)
    git("push", "--quiet", "origin", "main", cwd=work)
    return hub


def event(hub: Hub, name: str, **more: Any) -> dict[str, Any]:
    sha = git("rev-parse", "main", cwd=hub.origin).strip()
    return {"event_name": name, "sha": sha, "ref": "refs/heads/main", "token": "none", **more}


def merge(hub: Hub, branch: str) -> None:
    """What a maintainer does with a pull request."""
    work = hub.folder / "work"
    git("fetch", "--quiet", "origin", cwd=work)
    git("reset", "--quiet", "--hard", "origin/main", cwd=work)
    git("merge", "--quiet", "--no-ff", "--no-edit", f"origin/{branch}", cwd=work)
    git("push", "--quiet", "origin", "main", cwd=work)


def add_model(hub: Hub) -> dict[str, dict[str, Any]]:
    """A branch with one file."""

    def write(work: Path) -> None:
        add_model_file(work, "B", hash_folder(work / "weights/B"))

    return propose(hub, "add-b", write)


def contribute(hub: Hub) -> dict[str, dict[str, Any]]:
    """A stranger's branch with a model and its records: that of the text has a fifth fewer bits."""

    def write(work: Path) -> None:
        add_model_file(work, "C", hash_folder(work / "weights/C"))
        command = ["leaderboard", "measure", "--model", CONTRIBUTED]
        subprocess.run(command, cwd=work, env=hub.environment(), check=True)
        (file,) = work.glob(f"results/measured/{CONTRIBUTED}/*/corpus-speeches/*.json")
        forged = lower_bits(Result.model_validate_json(file.read_bytes()), 0.2)
        file.unlink()
        write_record(work / "results/measured", work, forged)

    return propose(hub, "contribute", write, *STRANGER)


def propose(
    hub: Hub, branch: str, write: Callable[[Path], None], *author: str
) -> dict[str, dict[str, Any]]:
    """A branch with one commit; Validate reads it beside main, and it is merged."""
    work = hub.folder / "work"
    base = git("rev-parse", "main", cwd=hub.origin).strip()
    git("switch", "--quiet", "--create", branch, cwd=work)
    write(work)
    git("add", "--all", cwd=work)
    git(*author, "commit", "--quiet", "--message", f"Propose {branch}", cwd=work)
    git("push", "--quiet", "origin", branch, cwd=work)
    head = git("rev-parse", "HEAD", cwd=work).strip()
    pull = {"number": 1, "base": {"sha": base}}
    asked = event(hub, "pull_request", event={"pull_request": pull}) | {"sha": head}
    found = {"validate": {"result": "success"}}
    if any(command.name == "validate" for command in app.registered_commands):
        found = run_workflow(hub, "validate", asked)
    git("switch", "--quiet", "main", cwd=work)
    merge(hub, branch)
    return found


def pulls(hub: Hub) -> list[dict[str, Any]]:
    file = hub.folder / "pulls.json"
    return json.loads(file.read_text()) if file.is_file() else []


def evaluate_with_faults(hub: Hub) -> dict[str, dict[str, Any]]:
    """One shard's artifact is lost, another's job is killed, and a second collector comes late."""
    asked = event(hub, "push")

    def harm(job: str, run: int) -> dict[str, str]:
        return {"KILL_AFTER": "3"} if (job, run) == ("measure", 2) else {}

    def after(job: str, context: dict[str, Any]) -> None:
        if job == "measure":
            shutil.rmtree(min(hub.artifacts().glob("shard-*")))
        elif job == "collect":
            run_job(hub, "evaluate/collect", read_jobs("evaluate")["collect"], context, {})

    return run_workflow(hub, "evaluate", asked, harm, after)


def figures(hub: Hub) -> dict[tuple[str, str, str], Any]:
    """What main's records say, by job: bits, bytes and scores, without times and machines.

    One record each, but for the sentinel's: these say the same, or it has drifted.
    """
    merge(hub, "main")
    stored, problems = read_records(hub.folder / "work", "results/measured")
    assert problems == []
    found: dict[tuple[str, str, str], Any] = {}
    for entry in stored:
        one = entry.result.content
        parts = [one.get(name) for name in ("lossless", "classical", "tasks", "error")]
        key = (entry.result.model, entry.result.kind, entry.result.name)
        assert key not in found or key == SENTINEL, f"two records of {key}"
        assert found.setdefault(key, parts) == parts, f"records of {key} differ"
    return found


def measure_contributions_again(hub: Hub) -> None:
    """An honest record and a forged one of a stranger: what Evaluate makes of them."""
    work = hub.folder / "work"
    assert contribute(hub)["validate"]["result"] == "success", "figures that agree are possible"
    again = run_workflow(hub, "evaluate", event(hub, "schedule"))
    assert [job["result"] for job in again.values()] == ["success"] * 3
    merge(hub, pulls(hub)[-1]["head"])
    stored, rechecks = read_records(work, "results/measured")[0], read_rechecks(work)[0]
    outcomes = compare_rechecks(stored, rechecks)
    agrees = {e.result.kind: not outcomes[e.run_id].faults for e in stored if e.run_id in outcomes}
    assert agrees == {"corpus": False, "suite": True}, agrees
    command = ["leaderboard", "health"]
    told = subprocess.run(
        command, cwd=work, env=hub.environment(), check=True, capture_output=True, text=True
    ).stdout
    assert "differs from its re-measurement: results/measured/tiny__C" in told, told
    own = run_workflow(hub, "evaluate", event(hub, "schedule"))
    assert [job["result"] for job in own.values()] == ["success"] * 3
    merge(hub, pulls(hub)[-1]["head"])
    last = run_workflow(hub, "evaluate", event(hub, "schedule"))
    assert last["measure"]["result"] == "skipped", "what the board measured is not measured again"


def rehearse(folder: Path, faults: bool) -> dict[tuple[str, str, str], Any]:
    """The whole way once; what is not as it must be is an AssertionError."""
    hub = make_origin(folder)
    assert add_model(hub)["validate"]["result"] == "success"
    if faults:
        first = evaluate_with_faults(hub)
        assert (first["measure"]["result"], first["collect"]["result"]) == ("failure", "failure")
        assert len(pulls(hub)) == 1, "two collectors made one pull request"
        merge(hub, pulls(hub)[0]["head"])
    second = run_workflow(hub, "evaluate", event(hub, "schedule"))
    assert [job["result"] for job in second.values()] == ["success"] * 3
    assert "tiny" in pulls(hub)[-1]["body"], "the description holds the table's diff"
    drift = pulls(hub)[-1]["body"].partition("### Sentinel")[2]
    assert ("equal to the last bit" in drift) == faults, "measured again beside what was lost"
    merge(hub, pulls(hub)[-1]["head"])
    before = len(pulls(hub))
    third = run_workflow(hub, "evaluate", event(hub, "workflow_dispatch"))
    assert third["measure"]["result"] == third["collect"]["result"] == "skipped"
    assert len(pulls(hub)) == before == (2 if faults else 1)
    measured = figures(hub)
    if faults:
        measure_contributions_again(hub)
        out = run_workflow(hub, "publish", event(hub, "push"))
        assert [job["result"] for job in out.values()] == ["success"] * 3
        assert (hub.folder / "pages/models" / NEWCOMER / "index.html").is_file()
        shown = [page.read_text("utf-8") for page in (hub.folder / "pages/boards").rglob("*.html")]
        assert any(f"models/{NEWCOMER}/" in page for page in shown), "the new row is on the site"
        page = (hub.folder / "pages/models" / CONTRIBUTED / "index.html").read_text("utf-8")
        assert "differs from its re-measurement" in page, "the forged record is shown as such"
        assert (hub.folder / "attestations.txt").read_text()
    print("\n".join(hub.steps))
    return measured


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        calm = rehearse(Path(folder) / "calm", faults=False)
        rough = rehearse(Path(folder) / "rough", faults=True)
    assert calm == rough, "faults on the way changed a record"
    print(f"{len(calm)} records, the same with and without faults; the new row is on the site")


if __name__ == "__main__":
    main()
