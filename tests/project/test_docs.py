"""The pages name what exists, all of it and nothing else: commands, fields, metrics, columns."""

import re
import shutil
import subprocess
import sys
import tomllib
from html import unescape
from typing import get_args

import pytest
import typer
from compression_leaderboard.cli import app
from compression_leaderboard.cli.app import describe_commands
from compression_leaderboard.gate.changed_files import RECHECK, RETRACTION, SAME_FIGURES
from compression_leaderboard.pages.reference import (
    FILES,
    render_fields,
    tables_of,
)
from compression_leaderboard.pages.rendering import escape
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Reason, retry_of
from compression_leaderboard.repository.specs import read_specs
from markdown.extensions.toc import slugify
from typer.core import TyperGroup
from typer.testing import CliRunner

from tests import ROOT
from tests.exported import glossary_headings, renderer

PAGES = sorted((ROOT / "site" / "docs").glob("*.md"))
TEXTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *PAGES,
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / ".github").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
COMMANDS = {command.name: command for command in describe_commands()}
SHELL = re.compile(r"```(?:sh|text)?\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")


def shown_commands(text: str) -> list[str]:
    """Lines of code blocks and pieces of inline code, without comments."""
    lines = [line for block in SHELL.findall(text) for line in block.splitlines()]
    pieces = INLINE.findall(SHELL.sub("", text))
    return [piece.partition("#")[0].strip() for piece in (*lines, *pieces)]


def faults_of(shown: str) -> list[str]:
    """What is wrong with one shown line, if it is one of our commands."""
    words = shown.split()
    if words and words[0].endswith("make") and len(words) > 1:
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return [f"no such target: {word}" for word in words[1:] if word not in targets]
    if not words or words[0].rpartition("/")[2] != "leaderboard":
        return []
    rest = [word for word in words[1:] if word != "--help"]
    if not rest:
        return []
    if rest[0] not in COMMANDS:
        return [f"no such command: {rest[0]}"]
    known = {name for o in COMMANDS[rest[0]].options for name in o.name.split(", ")}
    return [f"no such option: {w}" for w in rest[1:] if w.startswith("--") and w not in known]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_that_a_text_shows_exists(path):
    shown = shown_commands(path.read_text("utf-8"))
    assert [(line, fault) for line in shown for fault in faults_of(line)] == []


def test_a_command_that_does_not_exist_would_be_found():
    text = (
        "Run `leaderboard mesure` or\n```sh\n.venv/bin/leaderboard plan --pins  # x\nmake bord\n```"
    )
    found = [fault for line in shown_commands(text) for fault in faults_of(line)]
    assert sorted(found) == [
        "no such command: mesure",
        "no such option: --pins",
        "no such target: bord",
    ]


def test_messages_name_only_commands_that_exist():
    """What an error or a page of ours tells a reader to run."""
    shown = [
        (path.name, line)
        for path in sorted((ROOT / "generator").rglob("*.py"))
        for line in re.findall(r"`(leaderboard [^`]+)`", path.read_text("utf-8"))
    ]
    assert len(shown) > 5
    assert [(name, line) for name, line in shown if "…" not in line and faults_of(line)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_commands_says_what_help_says(name):
    """Every sentence and option of the page stands in `--help`, and every option of it here."""
    environment = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
    shown = CliRunner().invoke(app, [name, "--help"], env=environment).stdout
    told = " ".join(shown.split())
    command = COMMANDS[name]
    assert command.summary in told
    assert f"Example: {command.example}" in told
    assert faults_of(command.example) == []
    page = renderer()("commands.html", commands=[command])
    for option in command.options:
        assert option.meaning in told
        assert all(part in told for part in option.name.split(", "))
        assert escape(option.meaning) in page
    listed = set(re.findall(r"(?<![\w-])--[a-z-]+", shown)) - {"--help"}
    assert listed == {n for o in command.options for n in o.name.split(", ") if n.startswith("--")}


def test_every_command_has_a_page_section_and_stands_in_the_help():
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    page = renderer()("commands.html", commands=list(COMMANDS.values()))
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    assert list(COMMANDS) == list(group.commands)
    for name in COMMANDS:
        assert f'<h2 id="{name}">' in page
        assert f" {name} " in shown


@pytest.mark.parametrize(
    ("words", "status", "of_typer"),
    [
        (["--help"], "0", set()),
        (["predict", "--help"], "0", {"pydantic"}),  # typer parses what is given with it
        (["predict", "--modle", "A"], "2", {"pydantic"}),
    ],
)
def test_help_and_usage_errors_wait_for_no_library_that_they_do_not_need(words, status, of_typer):
    program = (
        "import sys; from compression_leaderboard.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    print(); print(end.code, *sys.modules)"
    )
    asked = [sys.executable, "-c", program, *words]
    shown = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    code, *modules = shown.splitlines()[-1].split()
    assert code == status
    slow = {
        *("jinja2", "lm_eval", "markdown", "markupsafe", "numpy", "pandas", "pyarrow", "pydantic"),
        *("scipy", "statsmodels", "tomlkit", "torch", "transformers", "yaml"),
    }
    assert slow & {module.split(".")[0] for module in modules} <= of_typer
    ours = {module for module in modules if module.startswith("compression_leaderboard.")}
    others = {module for module in ours if not module.startswith("compression_leaderboard.cli")}
    assert others == {"compression_leaderboard.wording"}


def test_the_help_of_validate_names_every_label_of_an_owner():
    (label,) = [option for option in COMMANDS["validate"].options if option.name == "--label"]
    labels = ", ".join((RETRACTION, SAME_FIGURES, RECHECK))
    assert label.meaning == f"A label of an owner: {labels}."


@pytest.mark.parametrize("record", [Model, *(record for _, record in FILES)])
def test_every_field_of_a_file_is_on_a_page_with_its_meaning(record):
    template = "model_fields.html" if record is Model else "file_fields.html"
    page = render_fields(renderer(), template)
    for place, inner in tables_of(record):
        assert f"[{place}]" in page or not place
        for field, info in inner.model_fields.items():
            assert info.description, f"{inner.__name__}.{field} has no description"
            rows = [row for row in page.splitlines() if f"<code>{field}</code></th>" in row]
            meanings = [unescape(row.removesuffix("</td></tr>")) for row in rows]
            assert any(row.endswith(f"<td>{info.description}") for row in meanings), field


def test_every_metric_that_a_suite_counts_is_explained():
    method = (ROOT / "site" / "docs" / "method.md").read_text("utf-8")
    suites = read_specs(ROOT)[0].suites.values()
    metrics = {task.metric for suite in suites for task in suite.tasks}
    assert metrics >= {"acc", "acc_norm"}
    assert [metric for metric in sorted(metrics) if f"`{metric}`" not in method] == []


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("nav:")[2]
    assert [page.name for page in PAGES if f": {page.name}\n" not in navigation] == []


def test_the_example_of_a_model_file_is_in_order(tmp_path):
    """What the page tells a newcomer to write passes the check."""
    (example,) = re.findall(
        r"```toml\n(.*?)```", (ROOT / "site/docs/add.md").read_text(), re.DOTALL
    )
    for folder in ("suites", "corpora"):
        (tmp_path / "runs" / folder).mkdir(parents=True)
        for file in (ROOT / "runs" / folder).glob("*.toml"):
            (tmp_path / "runs" / folder / file.name).write_bytes(file.read_bytes())
    shutil.copytree(ROOT / "runs/tasks", tmp_path / "runs/tasks")
    path = tmp_path / "runs/models/org/model.toml"
    path.parent.mkdir(parents=True)
    path.write_text(example)
    specs, problems = read_specs(tmp_path)
    assert (list(specs.models), problems) == (["org__model"], [])


@pytest.mark.parametrize(
    ("page", "heading", "tables"),
    [("site/docs/reliability.md", "What goes wrong", 1), ("SECURITY.md", "Attack", 4)],
)
def test_every_test_that_a_page_of_faults_names_exists(page, heading, tables):
    """Each row of its tables ends with the name of a test, and that test is there."""
    parts = (ROOT / page).read_text("utf-8").split(f"| {heading} |")[1:]
    rows = [row for part in parts for row in part.partition("\n\n")[0].splitlines()[2:]]
    assert (len(parts), len(rows) > 10) == (tables, True)
    named = [re.search(r"\| `(test_\w+)` \|$", row) for row in rows]
    assert [row for row, name in zip(rows, named, strict=True) if name is None] == []
    tests = "\n".join(file.read_text("utf-8") for file in sorted((ROOT / "tests").rglob("*.py")))
    assert [name[1] for name in named if name and f"def {name[1]}(" not in tests] == []


def test_what_has_owners_exists_and_holds_scorer_schema_and_workflows():
    lines = (ROOT / ".github/CODEOWNERS").read_text("utf-8").splitlines()
    owned = [line.split()[0] for line in lines if line and not line.startswith("#")]
    assert [path for path in owned if not (ROOT / path.lstrip("/")).exists()] == []
    assert {"/generator/", "/requirements/", "/.github/"} <= set(owned)


LINKED = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/disputes.md"]


@pytest.mark.parametrize("name", LINKED)
def test_every_link_inside_the_repository_leads_to_a_file_and_its_heading(name):
    """Links of the site's own pages are checked where it is built."""
    page = ROOT / name
    found = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text("utf-8"))
    assert [path for path, _ in found if not (page.parent / path).exists()] == []
    for path, anchor in found:
        if anchor:
            target = page.parent / path if path else page
            headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            assert anchor in {slugify(heading, "-") for heading in headings}


def test_the_page_of_faults_says_when_each_reason_is_tried_again():
    """The table of policies is the data: every reason in the row of its own policy."""
    page = (ROOT / "site/docs/reliability.md").read_text("utf-8")
    rows = page.partition("| Tried again |")[2].partition("\n\n")[0].splitlines()[2:]
    shown = [set(re.findall(r"`(\w+)`", row.rpartition(" | ")[2])) for row in rows]
    policies = ("now", "next_run", "larger_machine", "changed", "never")
    assert shown == [
        {reason for reason in get_args(Reason) if retry_of(reason) == p} for p in policies
    ]


def test_every_word_that_leads_to_the_glossary_is_there():
    headings = re.findall(r"^## (.+)$", (ROOT / "site/docs/glossary.md").read_text(), re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(glossary_headings().values()) <= {slugify(heading, "-") for heading in headings}


def test_what_plain_pytest_leaves_out_is_run_by_make():
    """Each mark names the target that runs it, and that target's recipe does."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]
    options = options["ini_options"]
    meanings = dict(line.split(": ", 1) for line in options["markers"])
    left_out = re.findall(r"not (\w+)", options["addopts"])
    assert len(left_out) == 3
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for mark in left_out:
        target = meanings[mark].rpartition("run by make ")[2]
        recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
        (chosen,) = re.findall(r'pytest .*-m "?([\w ]+)', recipe)
        assert chosen == mark or (f"not {mark}" not in chosen and chosen.startswith("not ")), mark
