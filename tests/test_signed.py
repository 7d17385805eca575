"""A bundle of a trusted worker is taken as it was signed, or not at all."""

import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from generator.files.keys import public_part, read_key, write_key
from generator.files.results import read_results, record_text, write_record
from generator.files.shards import write_shard
from generator.files.specs import Specs, read_specs
from generator.intake.bundle import make_bundle, why_other_plan
from generator.intake.signed import (
    LARGEST_BUNDLE_BYTES,
    BundleError,
    open_bundle,
    sign_bundle,
)
from generator.intake.toml_text import toml_text
from generator.plan import plan_jobs
from generator.plan.shards import shard_job
from generator.records.base import UserError
from generator.records.bundles import Bundle
from generator.records.results import Part, Result
from generator.records.shards import Shard
from generator.records.workers import Worker
from tests.board import invoke
from tests.factory import (
    CORPUS,
    MODEL_FILE,
    REVISION,
    SUITE,
    make_classical,
    make_model,
    make_result,
    store,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
WORKERS = {
    name: Worker(name=name, public_key=public_part(key))
    for name, key in (("gpu-box", KEY), ("lab", OTHER))
}
MODEL = make_model(suites=(), corpora=("prose",))
SPECS = Specs({MODEL.id: MODEL}, {}, {"prose": CORPUS}, workers=WORKERS)
RESULT = make_result(MODEL)


def shard_of(*results: Result, specs: Specs = SPECS) -> Shard:
    keys = {(r.model, r.revision, r.kind, r.name) for r in results}
    jobs = [shard_job(job) for job in plan_jobs(specs, ()) if job.key in keys]
    return Shard(name="shard-001", jobs=tuple(jobs))


def signed(*results: Result, key: Ed25519PrivateKey = KEY, worker: str = "gpu-box") -> bytes:
    bundle = make_bundle([shard_of(*results)], store(*results), SPECS)
    return sign_bundle(bundle, worker, key)


def resigned(payload: bytes, key: Ed25519PrivateKey = KEY, name: str = "gpu-box") -> bytes:
    """Any payload under a right signature, in the format as SECURITY.md tells it."""
    signature = key.sign(f"leaderboard-bundle 1 {name}\n".encode() + payload).hex()
    return f"leaderboard-bundle 1 {name} {signature}\n".encode() + payload


def why(content: bytes) -> str:
    with pytest.raises(BundleError) as error:
        open_bundle(content, WORKERS)
    return str(error.value)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one model, one text, and the keys of two workers."""
    root = tmp_path / "board"
    files = {"models/org/small.toml": MODEL_FILE, "corpora/prose.toml": toml_text(CORPUS)}
    files |= {f"workers/{name}.toml": toml_text(worker) for name, worker in WORKERS.items()}
    for name, text in files.items():
        (root / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "runs" / name).write_text(text)
    assert read_specs(root)[1] == []
    return root


def collected(root: Path, content: bytes, *options: str):
    file = root.parent / "one.bundle"
    file.write_bytes(content)
    return invoke(root, "collect", str(file), *options)


def test_what_was_signed_comes_back_record_by_record():
    results = (RESULT, make_classical())
    name, bundle = open_bundle(signed(*results), WORKERS)
    assert name == "gpu-box"
    assert sorted(r.run_id for r in bundle.records) == sorted(r.run_id for r in results)
    texts = {record_text(result) for result in results}
    assert {record_text(record) for record in bundle.records} == texts
    assert why_other_plan(bundle, SPECS, None) is None


@pytest.mark.parametrize("step", [50, pytest.param(1, marks=pytest.mark.costly)])
def test_every_changed_bit_and_every_byte_lost_or_added_is_refused(step):
    """All of them, in the first line and in the payload; so is every cut."""
    content = signed(RESULT)
    assert open_bundle(content, WORKERS)
    payload = content.index(b"\n") + 1
    for place in (*range(payload), *range(payload, len(content), step)):
        for bit in range(8):
            changed = bytes([content[place] ^ 1 << bit])
            why(content[:place] + changed + content[place + 1 :])
        why(content[:place] + content[place + 1 :])
        why(content[:place] + b"0" + content[place:])
        why(content[:place])
    why(content + b"\n")


def test_the_signature_is_looked_at_before_the_payload():
    """Bytes that would break a parser are not told from others until their signer is known."""
    for payload in (b"", b"{", b"[" * 100_000, b"\xff", b"{}" * 1000):
        content = resigned(payload)
        changed = content[:-1] + bytes([content[-1] ^ 1]) if payload else content + b"x"
        assert why(changed).startswith('the signature is not that of "gpu-box"')
        assert why(content).startswith("is signed, but holds no records: payload: ")


def test_an_unknown_key_is_refused_and_a_known_one_signs_for_itself_alone():
    stranger = signed(RESULT, worker="stranger")
    assert why(stranger) == (
        'is signed by "stranger", whose key is not in runs/workers (known: gpu-box, lab); '
        "merge the worker's key first"
    )
    for content in (
        signed(RESULT, key=OTHER),
        signed(RESULT).replace(b"gpu-box", b"lab", 1),
    ):
        assert "ask the worker for the file again" in why(content)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "bundle 1 ",
            "bundle 2 ",
            "is of version 2, and only version 1 is read; sign it with this version of leaderboard",
        ),
        ("bundle 1 ", "bundle 01 ", "is of version 01, and only version 1 is read"),
        ("bundle 1 ", "bundle one ", "is not a bundle; "),
        ("leaderboard-", "Leaderboard-", "is not a bundle; "),
        (" gpu-box ", " ../gpu ", "is not a bundle; "),
        (" gpu-box ", f" {'g' * 300} ", "is not a bundle; "),
    ],
)
def test_a_first_line_that_is_not_of_this_version_is_told(old, new, message):
    content = signed(RESULT).decode()
    assert why(content.replace(old, new, 1).encode()).startswith(message)


def test_capital_digits_of_a_signature_are_another_file():
    """One signature has one spelling, so that a bundle has one hash."""
    line, _, payload = signed(RESULT).partition(b"\n")
    start, _, signature = line.rpartition(b" ")
    assert why(start + b" " + signature.upper() + b"\n" + payload).startswith("is not a bundle")


def test_the_size_is_bounded(root):
    content = signed(RESULT)
    large = content + b" " * (LARGEST_BUNDLE_BYTES + 1 - len(content))
    assert why(large).startswith(f"has more than {LARGEST_BUNDLE_BYTES} bytes; ")
    result = collected(root, large)
    assert "has more than" in result.stderr
    assert read_results(root, "measured") == ([], [])


def test_a_record_of_a_job_that_the_bundle_does_not_list_is_refused():
    bundle = make_bundle([shard_of(RESULT)], store(RESULT), SPECS)
    payload = json.loads(bundle.model_dump_json(exclude_none=True))
    payload["records"].append(make_classical().content)
    assert "is of no job of this bundle" in why(resigned(json.dumps(payload).encode()))


def test_a_part_of_a_suite_is_signed_as_a_part():
    whole = make_model()
    specs = Specs({whole.id: whole}, {"starter": SUITE}, {"prose": CORPUS}, workers=WORKERS)
    part = make_result(whole, "suite", part=Part(number=1, of=2))
    (job,) = shard_of(part, specs=specs).jobs
    shards = [
        Shard(name=f"s{k}", jobs=(job.model_copy(update={"part": Part(number=k, of=2)}),))
        for k in (1, 2)
    ]
    content = sign_bundle(make_bundle(shards[:1], store(part), specs), "gpu-box", KEY)
    _, bundle = open_bundle(content, WORKERS)
    assert bundle.records == (part,)
    planned = {(j.key, j.part) for shard in shards[1:] for j in shard.jobs}
    assert why_other_plan(bundle, specs, None) is None
    assert "part 1 of 2: no shard was asked for it" in str(why_other_plan(bundle, specs, planned))


def test_collect_takes_a_bundle_once(root):
    first = collected(root, signed(RESULT))
    assert (first.exit_code, first.stdout) == (0, "1 new, 0 already there, 0 refused, 0 missing\n")
    assert 'one.bundle: signed by "gpu-box", 1 record' in first.stderr
    (entry,) = read_results(root, "measured")[0]
    assert entry.result == RESULT
    again = collected(root, signed(RESULT))
    assert again.stdout == "0 new, 1 already there, 0 refused, 0 missing\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (signed(RESULT)[:-2] + b" }", "the signature is not that of"),
        (signed(RESULT, worker="stranger"), "whose key is not in runs/workers"),
        (signed(RESULT, key=OTHER), "the signature is not that of"),
        (b"leaderboard-bundle 2 gpu-box 00\n{}", "is of version 2"),
        (b"", "is not a bundle"),
        (resigned(b"{}"), "is signed, but holds no records"),
    ],
    ids=["changed", "unknown key", "another's key", "version", "empty", "no records"],
)
def test_collect_refuses_a_bundle_with_one_line_and_writes_nothing(root, content, message):
    result = collected(root, content)
    assert (result.exit_code, result.stdout) == (
        1,
        "0 new, 0 already there, 1 refused, 0 missing\n",
    )
    (line,) = result.stderr.splitlines()
    assert line.startswith("one.bundle: ")
    assert message in line
    assert read_results(root, "measured") == ([], [])


def test_a_bundle_for_another_plan_is_refused(root):
    """Planned for another text, other weights, or another shard than was given out."""
    corpus = root / "runs/corpora/prose.toml"
    text = corpus.read_text()
    corpus.write_text(text.replace("window_tokens = 16", "window_tokens = 12"))
    result = collected(root, signed(RESULT))
    job = f"org__small at {REVISION[:14]} corpus prose"
    assert result.stderr.splitlines() == [
        f"one.bundle: is for another plan: {job}: its weights, suite or text are not those of "
        "runs/ today; plan, measure and sign it again"
    ]
    corpus.write_text(text)
    plan = root.parent / "matrix.json"
    plan.write_text(shard_of(make_classical()).model_dump_json(exclude_none=True))
    result = collected(root, signed(RESULT), "--plan", str(plan))
    assert result.stderr.splitlines()[0] == (
        f"one.bundle: is for another plan: {job}: no shard was asked for it; "
        "plan, measure and sign it again"
    )
    assert read_results(root, "measured") == ([], [])
    plan.write_text(shard_of(RESULT).model_dump_json(exclude_none=True))
    assert collected(root, signed(RESULT), "--plan", str(plan)).exit_code == 0


def test_figures_that_cannot_be_are_refused_in_spite_of_a_signature(root):
    lossless = RESULT.lossless.model_copy(update={"bits_per_byte": 0.5})
    result = collected(root, signed(RESULT.model_copy(update={"lossless": lossless})))
    assert result.exit_code == 1
    assert "says 0.5 bits per byte, its documents say 1.1; it is left out" in result.stderr


def test_a_key_is_made_once_for_its_owner_alone(root):
    file = root.parent / "keys" / "new.key"
    result = invoke(root, "worker-key", "new-box", "--key", str(file), "--note", "In a cellar.")
    assert result.stdout.splitlines() == [
        f"{file}: the private key; keep it on this machine, show it to nobody",
        "runs/workers/new-box.toml: the public key; send it in a pull request of its own",
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    worker = read_specs(root)[0].workers["new-box"]
    assert worker.note == "In a cellar."
    assert worker.public_key == public_part(read_key(file))
    before = file.read_bytes()
    for name, key, message in (
        ("new-box", root.parent / "b.key", "runs/workers/new-box.toml: is there already; "),
        ("other", file, f"{file}: is there already; a key is never replaced"),
        ("other", root / "b.key", f"{root / 'b.key'}: is inside the repository; "),
        ("Other", root.parent / "b.key", 'runs/workers/Other.toml: name: "Other" is not a valid'),
    ):
        again = invoke(root, "worker-key", name, "--key", str(key))
        assert str(again.exception).startswith(message)
    assert file.read_bytes() == before
    assert not (root / "runs/workers/other.toml").exists()
    assert not (root.parent / "b.key").exists()


def test_a_key_that_others_can_read_or_that_is_none_is_not_used(tmp_path):
    file = tmp_path / "a.key"
    write_key(file)
    file.chmod(0o640)
    with pytest.raises(UserError, match=f"can be read by others; run `chmod 600 {file}`"):
        read_key(file)
    file.write_text("-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(UserError, match="is not a private key"):
        read_key(file)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_key(tmp_path / "none.key")


def make_folder(folder: Path, *results: Result) -> Path:
    """What `measure --shard --to` leaves."""
    write_shard(folder, shard_of(*results))
    for result in results:
        write_record(folder, folder, result)
    return folder


def test_bundle_signs_a_folder_of_records_and_collect_takes_it(root, tmp_path):
    key, out = tmp_path / "new.key", tmp_path / "out.bundle"
    folder = make_folder(tmp_path / "out", RESULT)
    options = ["--worker", "new-box", "--key", str(key), "--to", str(out)]
    early = invoke(root, "bundle", str(folder), *options)
    assert str(early.exception) == (
        "runs/workers/new-box.toml: is not there; make it with `leaderboard worker-key`"
    )
    invoke(root, "worker-key", "new-box", "--key", str(key))
    made = invoke(root, "bundle", str(folder), *options)
    assert made.stdout == f'{out}: 1 record, signed by "new-box"\n'
    result = invoke(root, "collect", str(out))
    assert (result.exit_code, result.stdout[:5]) == (0, "1 new")
    other = ["--worker", "lab", "--key", str(key), "--to", str(out)]
    wrong = invoke(root, "bundle", str(folder), *other)
    assert str(wrong.exception).startswith(f'{key}: is not the key of "lab" in runs/workers; ')


def test_bundle_refuses_what_collect_would(root, tmp_path):
    key, out = tmp_path / "new.key", tmp_path / "out.bundle"
    invoke(root, "worker-key", "new-box", "--key", str(key))
    options = ["--worker", "new-box", "--key", str(key), "--to", str(out)]
    folder = make_folder(tmp_path / "edited", RESULT)
    (file,) = folder.rglob("*.json")
    file.write_text(file.read_text().replace('"threads": 2', '"threads": 3'))
    edited = invoke(root, "bundle", str(folder), *options)
    assert "its content does not belong in this file" in str(edited.exception)
    (tmp_path / "empty").mkdir()
    empty = invoke(root, "bundle", str(tmp_path / "empty"), *options)
    assert "empty: holds no shard.jsonl; give the folder" in str(empty.exception)
    file.unlink()
    none = invoke(root, "bundle", str(folder), *options)
    assert "edited: holds no record; run" in str(none.exception)
    assert not out.exists()


def test_what_is_neither_a_folder_nor_a_file_is_told(root):
    result = invoke(root, "collect", "nowhere")
    assert str(result.exception) == (
        "nowhere: is neither a folder nor a file; "
        "give folders of `leaderboard measure --shard … --to`, or bundles"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "x"\npublic_key = "ab"\n', 'public_key: "ab" is not a public key of Ed25519; '),
        ('name = "x"\n', "public_key: missing; add it (Ed25519, 64 hex digits, as"),
        (f'name = "y"\npublic_key = "{"1" * 64}"\n', 'name: "y" is not the file\'s name; '),
        (
            f'name = "x"\npublic_key = "{WORKERS["lab"].public_key}"\n',
            'public_key: is the key of "lab" as well; '
            "make one of its own with `leaderboard worker-key`",
        ),
        (
            f'name = "x"\npublic_key = "{"1" * 64}"\nnote = "{"n" * 501}"\n',
            "note: has 501 characters; write at most 500",
        ),
    ],
)
def test_check_tells_what_is_wrong_with_a_workers_file(root, text, message):
    (root / "runs/workers/x.toml").write_text(text)
    (problem,) = invoke(root, "check").exception.problems
    assert problem.startswith(f"runs/workers/x.toml: {message}")


def test_a_bundle_is_a_record_of_its_own_format():
    """The payload as a program in another language would read it."""
    payload = json.loads(signed(RESULT).partition(b"\n")[2])
    (job,) = payload["jobs"]
    (planned,) = [j for j in plan_jobs(SPECS, ()) if j.model.id == MODEL.id]
    assert job == {
        "model": "org__small",
        "revision": REVISION,
        "kind": "corpus",
        "name": "prose",
        "asked": planned.asked,
    }
    assert payload["records"] == [RESULT.content]
    assert Bundle.model_validate_json(json.dumps(payload))
