"""`leaderboard import` as its user sees it: outcomes, exit status, and what is on the disk."""

import json
import os
import stat
from pathlib import Path

import pytest
from compression_leaderboard.repository.results import IN_FLIGHT, find_sources, read_imported

from tests.commands import invoke
from tests.result_files import encoded, exchange_file, new_file, old_file


@pytest.fixture
def files(tmp_path) -> Path:
    """A folder with two good files, one that is truncated, and a file of samples beside them."""
    folder = tmp_path / "given"
    (folder / "deep").mkdir(parents=True)
    (folder / "a_new.json").write_bytes(encoded(new_file()))
    (folder / "b_broken.json").write_bytes(encoded(new_file())[:300])
    (folder / "deep" / "c_old.json").write_bytes(encoded(old_file()))
    (folder / "samples_sums.jsonl").write_text('{"doc_id": 0}\n')
    return folder


@pytest.fixture
def root(tmp_path) -> Path:
    folder = tmp_path / "board"
    folder.mkdir()
    return folder


def records(root: Path) -> dict[str, bytes]:
    base = root / "results" / "imported"
    return {p.relative_to(base).as_posix(): p.read_bytes() for p in base.rglob("*") if p.is_file()}


def test_a_refused_file_stops_no_other(root, files):
    result = invoke(root, "import", str(files))
    assert result.exit_code == 1
    assert [str(problem) for problem in result.exception.problems] == [
        f"{files}/b_broken.json: ends in the middle: it is truncated; fetch it again"
    ]
    assert "3 files: 2 imported, 1 refused" in result.stdout
    assert "5 scores kept, 0 entries skipped" in result.stdout
    stored, problems = read_imported(root)
    assert problems == []
    assert {e.imported.source.name for e in stored} == {"a_new.json", "c_old.json"}
    assert set(records(root)) == {entry.imported.file for entry in stored}


def test_the_same_file_twice_is_imported_once(root, files):
    copy = files / "deep" / "copy.json"
    copy.write_bytes((files / "a_new.json").read_bytes())
    (files / "b_broken.json").unlink()
    first = invoke(root, "import", str(files))
    assert first.exit_code == 0
    assert "3 files: 2 imported, 1 already imported" in first.stdout
    before = records(root)
    times = {path: os.stat(path).st_mtime_ns for path in root.rglob("*.json")}
    second = invoke(root, "import", str(files))
    assert (second.exit_code, "3 files: 3 already imported" in second.stdout) == (0, True)
    assert records(root) == before
    assert {path: os.stat(path).st_mtime_ns for path in root.rglob("*.json")} == times


def test_the_answer_for_programs(root, files):
    result = invoke(root, "import", str(files), "--json")
    answer = json.loads(result.stdout)
    assert [(f["outcome"], f["kept"], f["skipped"]) for f in answer["files"]] == [
        ("imported", 3, {}),
        ("refused", 0, {}),
        ("imported", 2, {}),
    ]
    assert answer["files"][1]["why"].endswith("it is truncated; fetch it again")
    assert (root / answer["files"][0]["record"]).is_file()
    assert (answer["kept"], answer["skipped"], answer["conflicts"]) == (5, {}, [])


def test_skipped_entries_are_counted_by_file_and_in_all(root, tmp_path):
    given = {"t": {"acc": 0.5, "acc_stderr": 0.0, "details": [1, 2, 3]}}
    for name in ("one", "two"):
        path = tmp_path / f"{name}.json"
        path.write_bytes(encoded(old_file(results=given, git_hash=name)))
    result = invoke(root, "import", str(tmp_path / "one.json"), str(tmp_path / "two.json"))
    assert "2 scores kept, 4 entries skipped" in result.stdout
    assert result.stdout.count("  1 × is a list of 3 items, not one number") == 2
    assert "  2 × is a list of 3 items, not one number" in result.stdout


def test_a_conflict_with_an_earlier_import_is_reported(root, tmp_path):
    other = old_file(results={"arc_easy": {"acc": 0.9, "acc_stderr": 0.01}})
    for name, document in (("first", old_file()), ("second", other)):
        (tmp_path / f"{name}.json").write_bytes(encoded(document))
    assert "conflict: " not in invoke(root, "import", str(tmp_path / "first.json")).stdout
    result = invoke(root, "import", str(tmp_path / "second.json"))
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("conflict: ")]
    assert line.startswith("conflict: org/small: arc_easy acc, 5-shot: 0.5 ± 0.01 (first.json, ")
    assert "28.3 standard errors apart" in line
    assert invoke(root, "check").stdout.strip() == "runs/ and results/ have no problems"
    answer = json.loads(invoke(root, "import", str(tmp_path / "first.json"), "--json").stdout)
    (conflict,) = answer["conflicts"]
    assert [r["value"] for r in conflict["readings"]] == [0.5, 0.9]


def test_the_importer_names_the_model_of_files_that_do_not(root, tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(encoded({"results": {"piqa": {"acc": 0.75}}}))
    refused = invoke(root, "import", str(path))
    assert refused.exit_code == 1
    assert "give its name with --model" in str(refused.exception)
    assert invoke(root, "import", str(path), "--model", "org/small").exit_code == 0
    assert [name.partition("/")[0] for name in records(root)] == ["org__small"]


def test_every_eval_ever_is_asked_for(root, tmp_path):
    path = tmp_path / "record.json"
    path.write_bytes(encoded(exchange_file()))
    refused = invoke(root, "import", str(path))
    assert "is an Every Eval Ever record; add --every-eval-ever" in str(refused.exception)
    assert invoke(root, "import", "--every-eval-ever", str(path)).exit_code == 0
    (stored,) = read_imported(root)[0]
    assert stored.imported.source.kind == "every-eval-ever"


def test_files_that_cannot_be_read(root, tmp_path, files):
    empty = tmp_path / "empty"
    empty.mkdir()
    missing = invoke(root, "import", str(tmp_path / "none.json"), str(files / "a_new.json"))
    assert missing.exit_code == 1
    assert "none.json: cannot be read: No such file or directory" in str(missing.exception)
    assert len(records(root)) == 1
    nothing = invoke(root, "import", str(empty))
    assert "empty: has no *.json; name the files" in str(nothing.exception)


def test_a_large_file_is_not_read_whole(root, tmp_path):
    path = tmp_path / "large.json"
    with path.open("wb") as stream:
        stream.truncate(100 * 2**20)
    assert "is at least 64 MiB" in str(invoke(root, "import", str(path)).exception)


def test_a_record_that_cannot_be_written_is_said_and_leaves_nothing(root, files):
    """Something stands in the way of the folder; the next run completes the set."""
    (files / "b_broken.json").unlink()
    blocked = root / "results" / "imported" / "org__small"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")
    result = invoke(root, "import", str(files))
    assert result.exit_code == 1
    assert "its record cannot be written" in str(result.exception)
    assert set(records(root)) == {"org__small"}
    blocked.unlink()
    assert invoke(root, "import", str(files)).exit_code == 0
    assert len(records(root)) == 2


def test_an_edited_record_is_found(root, files):
    invoke(root, "import", str(files / "a_new.json"))
    (path,) = (root / "results" / "imported").rglob("*.json")
    text = path.read_text()
    path.write_text(text.replace('"org/small"', '"org/other"'))
    assert "its content does not belong in this file" in str(invoke(root, "check").exception)
    path.write_text(text.replace('"value": 0.25', '"value": "0.25"'))
    problem = str(invoke(root, "check").exception)
    assert 'tasks.1.scores.1.value: "0.25" is not a number' in problem
    path.write_text(text)
    assert invoke(root, "check").exit_code == 0
    refused = invoke(root, "import", str(files / "a_new.json"))
    assert refused.exit_code == 0


def test_records_are_readable_by_others(root, files):
    invoke(root, "import", str(files / "a_new.json"))
    (path,) = (root / "results" / "imported").rglob("*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert "leaderboard" not in path.read_text()


def test_names_of_folders_of_another_machine_stay_there(root, files):
    invoke(root, "import", str(files / "deep" / "c_old.json"))
    assert [e.imported.source.name for e in read_imported(root)[0]] == ["c_old.json"]
    assert str(files) not in next(iter(records(root).values())).decode()


def test_folders_mean_every_json_below_them(files):
    found = [path.name for path in find_sources([files, files / "samples_sums.jsonl"])]
    assert found == ["a_new.json", "b_broken.json", "c_old.json", "samples_sums.jsonl"]


@pytest.mark.slow
def test_many_more_files_than_are_in_flight(root, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    count = 2 * IN_FLIGHT + 3
    for number in range(count):
        document = old_file(git_hash=str(number))
        (folder / f"{number:04}.json").write_bytes(encoded(document))
    result = invoke(root, "import", str(folder))
    assert f"{count} files: {count} imported" in result.stdout
    assert len(read_imported(root)[0]) == count


def test_a_file_whose_name_is_no_text(root, tmp_path):
    """Neither a line end nor bytes that are not UTF-8 break the report or the record."""
    path = os.fsencode(tmp_path) + b"/run\n\xff.json"
    with open(path, "wb") as stream:
        stream.write(encoded(old_file()))
    result = invoke(root, "import", os.fsdecode(path))
    assert (result.exit_code, "run??.json" in result.stdout) == (0, True)
    assert [e.imported.source.name for e in read_imported(root)[0]] == ["run??.json"]


def test_an_empty_name_of_a_model_is_none(root, tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(encoded({"results": {"piqa": {"acc": 0.75}}}))
    assert "give its name" in str(invoke(root, "import", str(path), "--model", " ").exception)


@pytest.mark.parametrize("seconds", [253370764800.0, 1e9])
def test_a_date_that_is_not_possible_is_left_out_and_said_so(root, tmp_path, seconds):
    """The years 9999 and 2001."""
    file = tmp_path / "run.json"
    file.write_bytes(encoded(new_file(date=seconds)))
    assert "is not possible and is left out" in invoke(root, "import", str(file)).stdout
    ((entry,), problems) = read_imported(root)
    assert (entry.imported.date, problems) == (None, [])
    assert "1 already imported" in invoke(root, "import", str(file)).stdout


def test_a_record_that_cannot_be_read_is_named_and_stops_no_import(root, files):
    broken = root / "results/imported/org__other/0123456789ab.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("{")
    result = invoke(root, "import", str(files / "a_new.json"))
    assert result.exit_code == 0
    shown = "results/imported/org__other/0123456789ab.json"
    assert result.stderr.startswith(f"not read: {shown}: is not valid JSON")
