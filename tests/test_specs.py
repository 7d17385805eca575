"""Every problem of runs/ at once, in words that say what is wrong, where, and what to do."""

from pathlib import Path

import pytest

from generator.files.specs import read_specs

ROOT = Path(__file__).parent.parent
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
FILE = "runs/models/org/model.toml"
PIN = (
    "is not a commit; pin the 40-hex id shown on the model's Files page (weights that are not on "
    "the Hub: sha256- and the first 40 hex of their SHA-256)"
)
HUB = 'hub = "org/model"\nrevision = "0123456789abcdef0123456789abcdef01234567"'
HASH = "sha256-0123456789abcdef0123456789abcdef01234567"


def problems_of(root: Path, files: dict[str, str]) -> list[str]:
    for name, text in ({"runs/suites/starter.toml": SUITE} | files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return [str(problem) for problem in read_specs(root)[1]]


def test_the_repository_itself_is_in_order():
    specs, problems = read_specs(ROOT)
    assert problems == []
    assert specs.models


def test_a_good_model_has_no_problem(tmp_path):
    assert problems_of(tmp_path, {FILE: MODEL}) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("suites =", "suits =", 'suits: unknown field; did you mean "suites"?'),
        (
            'family = "Family"',
            "",
            "family: missing; add it (models trained in the same way by the same team)",
        ),
        ("parameters = 1000", 'parameters = "1B"', 'parameters: "1B" is not an integer; write one'),
        ("0123456789abcdef0123456789abcdef01234567", "main", f'weights.revision: "main" {PIN}'),
        ('["starter"]', '["starters"]', 'suites: unknown suite "starters"; choose from starter'),
        (
            "corpora = []",
            'corpora = ["web"]',
            'corpora: unknown corpus "web"; choose from none yet',
        ),
        (
            HUB,
            f'path = "../x"\nrevision = "{HASH}"',
            'weights.path: "../x" climbs out of the folder; give a relative path without ..',
        ),
        (
            HUB,
            f'path = "/etc"\nrevision = "{HASH}"',
            'weights.path: "/etc" climbs out of the folder; give a relative path without ..',
        ),
        (
            HUB,
            f'path = "w"\n{HUB}',
            "weights: needs exactly one source, found hub, path; give hub, package or path",
        ),
        (
            HUB,
            f'revision = "{HASH}"',
            "weights: needs exactly one source, found none; give hub, package or path",
        ),
        (
            HUB,
            f'package = "p"\nfile = "f.gguf"\nrevision = "{HASH}"',
            'weights.package: "p" is not pinned; write package==version',
        ),
        (
            HUB,
            f'hub = "org/model"\nrevision = "{HASH}"',
            "weights: weights on the Hub are pinned by a commit; pin the 40-hex commit id",
        ),
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
            'name = "org/other"',
            'name: "org__other" does not belong in this file; '
            "move it to runs/models/org/other.toml",
        ),
    ],
)
def test_a_bad_field_has_its_message(tmp_path, old, new, message):
    assert old in MODEL
    assert problems_of(tmp_path, {FILE: MODEL.replace(old, new, 1)}) == [f"{FILE}: {message}"]


def test_all_problems_of_all_files_are_told_at_once(tmp_path):
    bad = MODEL.replace("suites", "suits").replace("0123456789abcdef" * 2, "main" * 8)
    found = problems_of(tmp_path, {FILE: bad, "runs/models/org/b.toml": "name = ["})
    assert len(found) == 3
    assert found == sorted(found)


def test_a_model_in_two_files_is_a_duplicate_whatever_its_case(tmp_path):
    second = "runs/models/Org/Model.toml"
    found = problems_of(tmp_path, {FILE: MODEL, second: MODEL.replace("org/model", "Org/Model")})
    assert found == [
        f'{FILE}: name: duplicate model "org__model", already in {second}; '
        "remove one of the two files"
    ]


def test_files_that_are_no_toml_text_are_told(tmp_path):
    problems_of(tmp_path, {FILE: MODEL})
    (tmp_path / "runs/models/org/latin.toml").write_bytes(b'name = "\xff"')
    (tmp_path / "runs/models/org/large.toml").write_text("#" * 300_000)
    (tmp_path / "runs/models/org/link.toml").symlink_to("model.toml")
    assert [str(p) for p in read_specs(tmp_path)[1]] == [
        "runs/models/org/large.toml: is larger than 256 KiB; a spec is a short file",
        "runs/models/org/latin.toml: is not UTF-8 text; save it as UTF-8",
        "runs/models/org/link.toml: is a symbolic link; replace it with the file itself",
    ]


def test_a_quantization_is_part_of_the_id_and_the_file_name(tmp_path):
    text = MODEL + 'quantization = "Q4_1"\n'
    file = "runs/models/org/model@Q4_1.toml"
    assert problems_of(tmp_path, {file: text}) == []
    assert list(read_specs(tmp_path)[0].models) == ["org__model@Q4_1"]


def test_a_profile_names_known_models(tmp_path):
    profile = 'name = "quick"\ndescription = "d"\nmodels = ["nobody"]\n'
    found = problems_of(tmp_path, {FILE: MODEL, "runs/profiles/quick.toml": profile})
    assert found == [
        'runs/profiles/quick.toml: models: unknown model "nobody"; choose from org__model'
    ]
