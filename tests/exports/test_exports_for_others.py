"""What other projects read: Every Eval Ever, lm-eval, the Hub, feed readers, badges, citations."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files as resources

import feedparser
import jsonschema
import pytest
import yaml
from compression_leaderboard.exchange.every_eval_ever import (
    export_every_eval_ever,
    import_every_eval_ever,
)
from compression_leaderboard.exchange.lm_eval import import_lm_eval
from compression_leaderboard.exchange.model_export import (
    eval_results_yaml,
    lm_eval_results,
    model_index_yaml,
)
from compression_leaderboard.exports.feed import ATOM, export_badges, export_feed
from compression_leaderboard.exports.release import export_citation
from compression_leaderboard.fits.evaluation import Prediction
from compression_leaderboard.fits.study import BenchmarkStudy, Evidence, Study
from compression_leaderboard.fits.study import StudiedBoard as Board
from compression_leaderboard.fits.table import Benchmark
from compression_leaderboard.intervals import Interval
from compression_leaderboard.records.models import Dataset
from compression_leaderboard.repository.git import Commit
from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub._eval_results import parse_eval_result_entries
from lxml import etree

from tests import exported
from tests.commands import run
from tests.exported import COMMIT
from tests.factory import STDERR, SUITE, make_model, make_result, make_specs, store
from tests.frames import frame_of, with_frame

PLAIN = "org__plain"


@pytest.fixture(scope="module")
def root(miniature_root):
    return miniature_root


@pytest.fixture(scope="module")
def board(miniature_board) -> Board:
    return miniature_board


def board_of(models, results, suite=SUITE) -> Board:
    specs = make_specs(*models)
    specs.suites["starter"] = suite
    stored = store(*results)
    return exported.board_of(specs, stored)


@pytest.fixture(scope="module")
def every_eval_ever_schema():
    path = resources("every_eval_ever") / "schemas" / "eval.schema.json"
    schema = json.loads(path.read_text("utf-8"))
    assert schema["version"] == "0.3.0"
    return schema


def test_every_record_is_of_the_schema_of_every_eval_ever(board, every_eval_ever_schema):
    found = export_every_eval_ever(board)
    assert len(found) == 6  # four texts and two suites
    validator = jsonschema.Draft7Validator(every_eval_ever_schema)
    for path, content in found.items():
        errors = [error.message for error in validator.iter_errors(json.loads(content))]
        assert errors == [], path


def test_every_eval_ever_has_every_measured_score(board):
    """Values and errors are those of the records, and no published figure is among them."""
    records = [json.loads(content) for content in export_every_eval_ever(board).values()]
    theirs = sorted(
        (record["model_info"]["additional_details"]["revision"], one["score_details"]["score"])
        for record in records
        for one in record["evaluation_results"]
    )
    ours = [(e.result.revision, e.result.lossless.bits_per_byte) for e in board.texts]
    ours += [
        (e.result.revision, s.value)
        for e in board.current
        for t in e.result.tasks
        for s in t.scores
    ]
    assert theirs == sorted(ours)
    suites = [r for r in records if r["eval_library"]["name"] == "lm_eval"]
    uncertainty = suites[0]["evaluation_results"][0]["score_details"]["uncertainty"]
    assert uncertainty["standard_error"]["value"] == STDERR
    assert uncertainty["num_samples"] == 4


def test_a_text_that_is_not_given_back_is_no_score_for_others():
    model = make_model()
    lossless = make_result(model).lossless.model_copy(update={"failing_bytes": 150})
    assert export_every_eval_ever(board_of([model], [make_result(model, lossless=lossless)])) == {}


def test_lm_eval_reads_our_scores_where_it_writes_its_own(board):
    (result,) = lm_eval_results(board, PLAIN).values()
    assert result["results"]["sums"] == {
        "alias": "sums",
        "acc,none": 0.5,
        "acc_stderr,none": STDERR,
    }
    assert result["n-shot"] == {"sums": 0}
    assert result["versions"] == {"sums": "1.0"}
    assert result["n-samples"] == {"sums": {"effective": 4}}
    assert result["higher_is_better"] == {"sums": {"acc": True}}
    assert result["config"]["model_args"]["pretrained"] == "org/plain"
    json.dumps(result, allow_nan=False)


def test_our_lm_eval_file_comes_back_by_import(board):
    """The same value, error, items, few-shot count and direction, and nothing skipped."""
    (result,) = lm_eval_results(board, PLAIN).values()
    imported = import_lm_eval("ours.json", json.dumps(result).encode())
    assert (imported.model.name, imported.harness.name) == ("org/plain", "lm-eval")
    assert imported.skipped == ()
    (task,) = imported.tasks
    (score,) = task.scores
    assert (task.task, task.version, task.few_shot) == ("sums", "1.0", 0)
    assert (score.metric, score.value, score.stderr, score.n) == ("acc", 0.5, STDERR, 4)
    assert score.higher_is_better is True


def test_our_every_eval_ever_records_come_back_by_import(board):
    read = [
        import_every_eval_ever(path.rpartition("/")[2], content)
        for path, content in export_every_eval_ever(board).items()
    ]
    scores = sorted(
        (task.task, score.metric, score.value)
        for record in read
        for task in record.tasks
        for score in task.scores
    )
    assert all(record.skipped == () for record in read)
    assert scores == [("prose", "bits_per_byte", 1.1)] * 4 + [("sums", "acc", 0.5)] * 2


def pinned_board() -> Board:
    """A model measured on a task of a dataset on the Hub."""
    task = SUITE.tasks[0].model_copy(
        update={"dataset": Dataset(path="allenai/ai2_arc", revision="d" * 40)}
    )
    suite = SUITE.model_copy(update={"tasks": (task,)})
    model = make_model()
    result = make_result(model, "suite")
    result = result.model_copy(update={"tasks": (replace(result.tasks[0], task=task),)})
    return board_of([model], [result, make_result(model)], suite)


def test_eval_results_are_read_by_the_hubs_own_library():
    text = eval_results_yaml(pinned_board(), "org__small", "https://board.example/")
    (entry,) = parse_eval_result_entries(yaml.safe_load(text))
    assert (entry.dataset_id, entry.task_id) == ("allenai/ai2_arc", "sums")
    assert (entry.value, entry.dataset_revision) == (0.5, "d" * 40)
    assert entry.source_url == "https://board.example/models/org__small/"


def test_a_task_of_our_own_is_no_benchmark_of_the_hub(board):
    assert yaml.safe_load(eval_results_yaml(board, PLAIN, None)) == []


def test_the_model_index_is_read_by_the_hubs_own_library(board):
    block = model_index_yaml(board, PLAIN, "https://board.example")
    card = ModelCard(f"---\n{block}---\n# A model\n")
    assert isinstance(card.data, ModelCardData)
    found = {(r.dataset_type, r.metric_type): r.metric_value for r in card.data.eval_results}
    assert found == {("prose", "bits_per_byte"): 1.1, ("sums.jsonl", "acc"): 0.5}
    assert card.data.eval_results[0].source_url == f"https://board.example/models/{PLAIN}/"


def changed_board() -> Board:
    """A text measured twice alike, a suite measured again, and a text under another protocol."""
    model = make_model()
    later, latest = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    first = make_result(model, "suite")
    score = replace(first.tasks[0].scores[0], value=0.75)
    again = replace(first.tasks[0], scores=(score,))
    text = make_result(model).text
    old = text.model_copy(
        update={"protocol": text.protocol.model_copy(update={"document_bytes": 9})}
    )
    results = [
        first,
        make_result(model, "suite", started=later, tasks=(again,)),
        make_result(model, text=old),
        make_result(model, started=later),
        make_result(model, started=latest),
    ]
    return board_of([model], results)


def test_the_feed_is_valid_atom(board):
    """RFC 4287: what a feed and an entry must have, each id once, dates in order."""
    content = export_feed(board)["feed.xml"]
    parsed = feedparser.parse(content)
    assert not parsed.bozo, parsed.get("bozo_exception")
    assert parsed.version == "atom10"
    feed = etree.fromstring(content)
    name = {"a": ATOM}
    for element in (feed, *feed.findall("a:entry", name)):
        for wanted in ("id", "title", "updated"):
            assert len(element.findall(f"a:{wanted}", name)) == 1
    assert len(feed.findall("a:author/a:name", name)) == 1
    assert [e.get("rel") for e in feed.findall("a:link", name)] == ["self", "alternate"]
    entries = feed.findall("a:entry", name)
    ids = [entry.findtext("a:id", namespaces=name) for entry in entries]
    assert len(set(ids)) == len(ids) >= 3
    assert all(one.startswith("urn:uuid:") for one in ids)
    dates = [entry.updated_parsed for entry in parsed.entries]
    assert None not in dates
    assert dates == sorted(dates, reverse=True)
    stamp = datetime.fromisoformat(feed.findtext("a:updated", namespaces=name))
    assert stamp.tzinfo is not None


def test_the_feed_tells_of_models_scores_and_methods():
    entries = feedparser.parse(export_feed(changed_board())["feed.xml"]).entries
    told = {entry.tags[0].term: entry for entry in entries}
    assert set(told) == {"new-model", "changed-score", "changed-method"}
    assert len(entries) == 3  # the text that was measured again alike is no news
    score = told["changed-score"].content[0].value
    assert score == "sums from 0.5 to 0.75 fraction (within noise)"
    assert "the text or its protocol changed" in told["changed-method"].content[0].value


def test_an_entry_of_the_feed_keeps_its_id(board):
    """What the feed said yesterday it says with the same id today."""
    ids = {e.id for e in feedparser.parse(export_feed(changed_board())["feed.xml"]).entries}
    later = changed_board()
    model = make_model()
    stored = [*later.stored, *store(make_result(model, started=datetime(2026, 4, 1, tzinfo=UTC)))]
    grown = exported.board_of(later.specs, stored, Commit("f" * 40, "2026-05-01T00:00:00+00:00"))
    assert ids <= {e.id for e in feedparser.parse(export_feed(grown)["feed.xml"]).entries}


def test_badges_are_what_shields_reads(board):
    found = export_badges(board)
    badge = json.loads(found[f"badges/{PLAIN}/bits-per-byte-prose.json"])
    assert badge == {
        "schemaVersion": 1,
        "label": "Prose",
        "message": "1.100 bits/byte",
        "color": "#3f51b5",
    }
    assert {path.split("/")[1] for path in found} == {"org__hostile", PLAIN, "org__rival"}


def test_a_predicted_score_and_a_rank_are_badges_where_they_are_known(board):
    cohort = board.cohorts[0]
    ranked = with_frame(cohort, frame_of(cohort).assign(rank_low=1.0, rank_high=2.0))
    told = Prediction(
        "org__rival",
        cohort.mean_score,
        0.41,
        (Interval(0.36, 0.46), Interval(0.33, 0.49)),
        "line",
        "average",
        False,
    )
    mean = BenchmarkStudy(
        Benchmark(cohort.mean_score, "Mean", 0.25, 1.0), None, predictions=(told,)
    )
    evidence = Evidence(None, 9, Study((mean,)))
    found = export_badges(replace(board, cohorts=[ranked], evidence={cohort.name: evidence}))
    rank = json.loads(found["badges/org__hostile/rank.json"])
    assert rank["message"] == f"1–2 of {len(cohort.rows)}"
    predicted = json.loads(found["badges/org__rival/predicted-score.json"])
    assert (predicted["label"], predicted["message"]) == ("predicted score", "41.0 % (33–49)")
    assert "badges/org__hostile/predicted-score.json" not in found


def test_a_citation_names_the_commit_and_its_day():
    files = export_citation(COMMIT.id, COMMIT.date, "data-2026-01-02")
    cff = yaml.safe_load(files["CITATION.cff"])
    assert {"cff-version", "message", "title", "authors"} <= set(cff)
    assert (cff["commit"], str(cff["date-released"])) == (COMMIT.id, "2026-01-02")
    bibtex = files["citation.bib"].decode()
    assert bibtex.startswith("@misc{llm-compression-leaderboard-2026-01-02,\n")
    assert bibtex.count("{") == bibtex.count("}")
    assert "version = {data-2026-01-02}," in bibtex


def test_the_command_prints_a_model_card(root):
    shown = run("export", "--root", str(root), "--model-card", PLAIN)
    results, index = yaml.safe_load_all(shown.stdout)
    assert results == []
    assert index["model-index"][0]["name"] == "org/plain"
    assert "no measured task has a pinned dataset on the Hub" in shown.stderr


def test_the_command_prints_lm_evals_json_or_says_why_not(root):
    shown = run("export", "--root", str(root), "--lm-eval", PLAIN)
    assert json.loads(shown.stdout)["results"]["sums"]["acc,none"] == 0.5
    unknown = run("export", "--root", str(root), "--lm-eval", "org__none").exception
    assert str(unknown).startswith('--lm-eval: unknown model "org__none"; choose from ')
    bare = run("export", "--root", str(root), "--lm-eval", "org__rival").exception
    assert str(bare) == (
        "org__rival: is measured on no suite yet; run `leaderboard measure` for it first"
    )


@pytest.mark.slow
def test_the_command_writes_what_the_site_has(root, tmp_path):
    shown = run("export", "--root", str(root), "--out", str(tmp_path))
    assert shown.exit_code == 0
    names = {p.relative_to(tmp_path).parts[0] for p in tmp_path.rglob("*")}
    assert names == {"api", "badges", "cite", "data", "every-eval-ever.tar.gz", "feed.xml"}
