"""Preference pairs: files and datasets, what is wrong with them, and the pairs that ship."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import replace

import pytest
from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.preferences import draw_pairs, draw_rows, load_rows
from compression_leaderboard.plan.jobs import plan_jobs
from compression_leaderboard.records.corpora import PairSource
from compression_leaderboard.repository.specs import pin_spec, read_pairs, read_specs

from tests import ROOT
from tests.factory import PAIR_LINES, PAIRS, make_model, make_preference, make_specs, store

HUB = PAIRS.model_copy(
    update={"sha256": None, "source": PairSource(hub="org/pairs", split="train", revision="a" * 40)}
)


def write_pairs(root, content):
    """A repository with one set of pairs; the spec's hash is that of the content."""
    for folder in ("runs/preferences", "runs/corpora"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "runs/preferences/pairs.jsonl").write_bytes(content)
    return PAIRS.model_copy(update={"sha256": hashlib.sha256(content).hexdigest()})


EOF = "EOF while parsing"
GOOD = json.dumps({"prompt": "Why?", "chosen": "Because.", "rejected": "No."})
CLOSED = "fix it, restore it from git or measure again"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"prompt": "Why?",',
            f"line 3: is not valid JSON: {EOF} a value at column 18; {CLOSED}",
        ),
        ("", f"line 3: is not valid JSON: {EOF} a value at column 0; {CLOSED}"),
        ("[1]", "line 3: [1] is not a table; write one"),
        (
            '{"prompt": "Why?", "chosen": "So."}',
            "line 3, rejected: missing; add it (the completion that is not)",
        ),
        (
            '{"prompt": 3, "chosen": "So.", "rejected": "No."}',
            "line 3, prompt: 3 is not text; write it in quotes",
        ),
        (
            '{"prompt": "Why?", "chosen": "", "rejected": "No."}',
            "line 3, chosen: is empty; fill it in (the completion that is preferred)",
        ),
        (
            '{"prompt": "Why?", "chosen": "So.", "rejected": "So."}',
            "line 3: chosen and rejected are equal; change one of them, or remove the pair",
        ),
        (GOOD, "line 3: repeats the pair of line 1; remove one"),
        (
            '{"prompt": "Why?", "chosen": "No.", "rejected": "Because."}',
            "line 3: repeats the pair of line 1; remove one",
        ),
        (
            b'{"prompt": "\xff"}',
            f"line 3: is not valid JSON: invalid unicode code point at column 13; {CLOSED}",
        ),
        (
            "[" * 100_000,
            f"line 3: is not valid JSON: recursion limit exceeded at column 202; {CLOSED}",
        ),
    ],
)
def test_a_bad_line_is_told_by_its_number(tmp_path, line, message):
    other = GOOD.replace("Why", "How")
    third = line if isinstance(line, bytes) else line.encode()
    spec = write_pairs(tmp_path, b"\n".join([GOOD.encode(), other.encode(), third]) + b"\n")
    (problem,) = map(str, read_pairs(tmp_path, spec)[1])
    assert problem == f"runs/preferences/pairs.jsonl: {message}"


def test_windows_line_endings_of_pairs_are_named(tmp_path):
    spec = write_pairs(tmp_path, PAIR_LINES.encode())
    file = tmp_path / "runs/preferences/pairs.jsonl"
    file.write_bytes(PAIR_LINES.replace("\n", "\r\n").encode())
    assert [str(problem) for problem in read_pairs(tmp_path, spec)[1]] == [
        "runs/preferences/pairs.jsonl: has Windows line endings (CR LF); "
        "restore it from git, which keeps it as it was"
    ]


def test_other_pairs_than_the_pinned_ones_are_not_measured(tmp_path):
    spec = write_pairs(tmp_path, PAIR_LINES.encode())
    assert draw_pairs(spec, tmp_path).sha256 == PAIRS.sha256
    write_pairs(tmp_path, PAIR_LINES.replace("Yes", "No").encode())
    with pytest.raises(MeasureError) as failure:
        draw_pairs(spec, tmp_path)
    assert re.fullmatch(
        r"runs/corpora/pairs\.toml: sha256: runs/preferences/pairs\.jsonl has the hash "
        r"[0-9a-f]{64}; restore the file, or write the new hash",
        str(failure.value),
    )


def test_pairs_that_are_missing_are_told(tmp_path):
    assert [str(p) for p in read_pairs(tmp_path, PAIRS)[1]] == [
        "runs/preferences/pairs.jsonl: cannot be read: No such file or directory; "
        "restore the file, or fix source.path"
    ]


def test_fewer_pairs_than_asked_for_are_refused(tmp_path):
    spec = write_pairs(tmp_path, GOOD.encode())
    with pytest.raises(
        MeasureError, match=r"has 1 of the 20 pairs that the protocol asks for; lower protocol"
    ):
        draw_pairs(spec, tmp_path)


SPEC = """
kind = "preference"
name = "pairs"
title = "Pairs"
domain = "questions"
licence = "CC0-1.0"
{sha256}
[source]
{source}
[protocol]
pairs = {pairs}
longest_tokens = 128
"""
HASH = f'sha256 = "{"d" * 64}"'


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"source": 'path = "../p.jsonl"'},
            'source.path: "../p.jsonl" climbs out of the folder; give a relative path without ..',
        ),
        (
            {"source": ""},
            "source: needs exactly one source, found none; give path or hub",
        ),
        (
            {"source": 'path = "runs/p.jsonl"\nhub = "a/b"'},
            "source: needs exactly one source, found path, hub; give path or hub",
        ),
        (
            {"source": 'hub = "a/b"\nrevision = ""'},
            "source.split: missing; add the dataset's split",
        ),
        (
            {"source": 'path = "runs/p.jsonl"\nrevision = ""'},
            "source.revision: is given without hub; remove it",
        ),
        ({"sha256": ""}, "sha256: missing; add the SHA-256 of runs/p.jsonl"),
        (
            {"pairs": "19"},
            "protocol.pairs: 19 is not allowed; it should be greater than or equal to 20",
        ),
    ],
)
def test_a_bad_field_of_a_set_of_pairs_has_its_message(tmp_path, changes, message):
    fields = {"sha256": HASH, "source": 'path = "runs/p.jsonl"', "pairs": "20"} | changes
    (tmp_path / "runs/corpora").mkdir(parents=True)
    (tmp_path / "runs/corpora/pairs.toml").write_text(SPEC.format(**fields))
    assert [str(p) for p in read_specs(tmp_path)[1]] == [f"runs/corpora/pairs.toml: {message}"]


def test_a_dataset_of_the_hub_is_pinned_in_its_file(tmp_path):
    source = 'hub = "org/pairs"\nsplit = "train"\nrevision = ""  # of the day'
    path = tmp_path / "runs/corpora/pairs.toml"
    path.parent.mkdir(parents=True)
    path.write_text(SPEC.format(sha256="", source=source, pairs=20))
    model = make_model(suites=(), corpora=("pairs",))

    def plan(*results):
        preferences = read_specs(tmp_path)[0].preferences
        specs = replace(make_specs(model), preferences=preferences)
        jobs = plan_jobs(specs, store(*results))
        return [(job.why, job.blocked) for job in jobs if job.model is model]

    blocked = "unpinned: org/pairs; run `leaderboard plan --pin`"
    assert plan() == [("missing", blocked)]
    assert pin_spec(tmp_path, path, lambda name: "a" * 40, str) == [("org/pairs", "a" * 40)]
    assert 'revision = "' + "a" * 40 + '"  # of the day' in path.read_text()
    assert plan() == [("missing", None)]
    protocol = read_specs(tmp_path)[0].preferences["pairs"].protocol
    done = make_preference(model).preference.model_copy(
        update={"revision": "a" * 40, "protocol": protocol}
    )
    assert plan(make_preference(model, preference=done)) == []
    other = done.model_copy(update={"revision": "b" * 40})
    assert plan(make_preference(model, preference=other)) == [("stale: the pairs changed", None)]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, []),
        ({"sha256": "e" * 64}, ["stale: the pairs changed"]),
        (
            {"protocol": PAIRS.protocol.model_copy(update={"longest_tokens": 99})},
            ["stale: the protocol changed"],
        ),
    ],
)
def test_a_record_of_other_pairs_or_another_protocol_is_stale(changes, why):
    model = make_model(suites=(), corpora=("pairs",))
    measured = make_preference(model)
    result = make_preference(model, preference=measured.preference.model_copy(update=changes))
    jobs = plan_jobs(make_specs(model), store(result))
    assert [job.why for job in jobs if job.model is model] == why
    rows = make_cohorts(make_specs(model), store(result), [])
    assert len(rows) == (0 if why else 1)


def test_rows_of_a_dataset_are_texts_or_conversations(tmp_path):
    """Read by the library that reads the Hub, here from a folder."""
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    worse = [talk[0], {"role": "assistant", "content": "Go."}]
    rows = [{"prompt": "Hi", "chosen": talk, "rejected": worse if k else talk} for k in range(40)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    drawn = draw_rows(load_rows(str(tmp_path), "train", None), HUB)
    assert [pair.model_dump() for pair in drawn.pairs] == 19 * [
        {"prompt": "Hi", "chosen": "Hello.", "rejected": "Go."}
    ]
    assert drawn.unusable == 1
    assert drawn.sha256 != draw_rows(rows[1:21], HUB).sha256
    plain = [{"prompt": "Hi", "chosen": "Hello.", "rejected": "Go."}] * 20
    assert draw_rows(plain, HUB).unusable == 0
    pinned = HUB.model_copy(update={"sha256": "d" * 64})
    with pytest.raises(MeasureError, match="the drawn pairs have the hash"):
        draw_rows(plain, pinned)


@pytest.fixture(scope="module")
def shipped():
    spec = read_specs(ROOT)[0].preferences["starter-preferences"]
    assert read_pairs(ROOT, spec)[1] == []
    lines = (ROOT / spec.source.path).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_shipped_pairs_are_many_and_of_all_kinds(shipped):
    """Categories of one size alternate, so that any even draw keeps the balance."""
    names = list(dict.fromkeys(pair["category"] for pair in shipped))
    assert len(shipped) >= 160
    assert len(names) >= 8
    assert [pair["category"] for pair in shipped] == names * (len(shipped) // len(names))
    flaws = Counter(pair["flaw"] for pair in shipped)
    assert len(flaws) >= 6
    assert max(flaws.values()) < len(shipped) / 3
    for field in ("id", "prompt", "chosen", "rejected"):
        assert len({pair[field] for pair in shipped}) == len(shipped), field


def test_the_shipped_pairs_fit_into_the_smallest_context(shipped):
    """Below 300 bytes for prompt and both completions: about 60 words."""
    sizes = [len((p["prompt"] + p["chosen"] + p["rejected"]).encode()) for p in shipped]
    assert max(sizes) < 300


def test_length_does_not_tell_which_completion_is_preferred(shipped):
    chosen = [len(pair["chosen"]) for pair in shipped]
    rejected = [len(pair["rejected"]) for pair in shipped]
    assert sum(rejected) == pytest.approx(sum(chosen), rel=0.1)
    longer = sum(b > a for a, b in zip(chosen, rejected, strict=True)) / len(shipped)
    shorter = sum(b < a for a, b in zip(chosen, rejected, strict=True)) / len(shipped)
    assert 0.4 < longer < 0.6
    assert shorter > 0.25


def test_no_word_gives_a_side_away(shipped):
    def shares(side):
        texts = [set(re.findall(r"[a-z']+", pair[side].lower())) for pair in shipped]
        words = Counter(word for text in texts for word in text)
        return {word: count / len(shipped) for word, count in words.items()}

    chosen, rejected = shares("chosen"), shares("rejected")
    for one, other in ((chosen, rejected), (rejected, chosen)):
        assert {w for w, share in one.items() if share > 0.25 and other.get(w, 0) < 0.05} == set()
