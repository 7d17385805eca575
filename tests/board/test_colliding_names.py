"""Names that users choose never meet ours or each other: each figure is that of its own record."""

import csv
import io
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import tomlkit
from compression_leaderboard import load_board, public
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.derived import current_results
from compression_leaderboard.board.figures import Key, benchmark_id, text_id
from compression_leaderboard.choose import make_options
from compression_leaderboard.cli import app
from compression_leaderboard.exports.changes import compare_boards
from compression_leaderboard.exports.release import export_files
from compression_leaderboard.fits.candidates import list_candidates
from compression_leaderboard.fits.study import StudiedBoard, derive_board, weigh_evidence
from compression_leaderboard.fits.table import make_table
from compression_leaderboard.pages.predict_page import render_predict
from compression_leaderboard.records.published import (
    CompressionColumn,
    ScoreColumn,
)
from compression_leaderboard.records.results import CorpusText, Result
from compression_leaderboard.repository.contents import Contents, PublishedTable, read_published
from compression_leaderboard.repository.specs import Specs
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.exported import COMMIT, board_of, renderer
from tests.factory import (
    CORPUS,
    PAIRS,
    SUITE,
    TASK,
    make_model,
    make_preference,
    make_result,
    make_source,
    make_specs,
    store,
)

SLUGS = (
    "score", "parameters", "training_flop", "compression", "optimality", "preference", "stderr",
    "low95", "high95", "mean", "average", "model", "a", "a.low95", "a.stderr", "a_preference",
    "score.a", "compression.a", "score.stderr", "unit",
)  # fmt: skip
NAMES = (
    *SLUGS, "benchmark:score", "benchmark:benchmark:score", "text:parameters",
    "text:text:parameters", "log parameters", "all texts", "a + b", "b", "mean + b", "text mean",
    'text "mean"', "mean + log parameters", "optimality, a", "a=1", "a.", ".a", "..low95", "Mean",
    "b + optimality", "(asked)", "none", "nan", "prose, a", "é", "=1+1", " a",
)  # fmt: skip
LABELS = tuple(name for name in NAMES if name == name.strip())  # as a model's file takes them
TIMES = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
GROUPS = {"compression": "compression", "preference": "preferences", "benchmark": "scores"}
Figures = dict[tuple[str, str, str, str], float]  # cohort, model, kind and name


@dataclass(frozen=True)
class Names:
    """What a board's columns and rows are called."""

    texts: tuple[str, ...]
    pairs: tuple[str, ...]
    tasks: tuple[str, ...]
    models: tuple[str, ...]
    families: tuple[str, ...]
    published_texts: tuple[str, ...]
    published_scores: tuple[str, ...]
    published_models: tuple[str, ...]


def distinct(names: tuple[str, ...], least: int, most: int) -> st.SearchStrategy:
    lists = st.lists(st.sampled_from(names), min_size=least, max_size=most, unique=True)
    return lists.map(tuple)


BOARDS = st.builds(
    Names,
    texts=distinct(SLUGS, 1, 4),
    pairs=distinct(SLUGS, 0, 2),
    tasks=distinct(NAMES, 1, 4),
    models=distinct(SLUGS, 1, 3),
    families=distinct(LABELS, 1, 3),
    published_texts=distinct(NAMES, 1, 4),
    published_scores=distinct(NAMES, 1, 4),
    published_models=distinct(NAMES, 1, 4),
)


def measured(names: Names) -> tuple[Specs, list[Result], Figures]:
    """Specs, records and the value of each figure: no two are alike."""
    texts = {name: CORPUS.model_copy(update={"name": name}) for name in names.texts}
    pair_names = [name for name in names.pairs if name not in texts]  # files of one folder
    pairs = {name: PAIRS.model_copy(update={"name": name}) for name in pair_names}
    tasks = tuple(TASK.model_copy(update={"task": name, "label": name}) for name in names.tasks)
    suite = SUITE.model_copy(update={"tasks": tasks})
    models = [
        make_model(
            f"org/{name}",
            family=names.families[k % len(names.families)],
            corpora=(*names.texts, *pair_names),
        )
        for k, name in enumerate(names.models)
    ]
    specs = Specs({m.id: m for m in models}, {suite.name: suite}, texts, {}, pairs)
    cohort, results, expected = "measured-base-16-8-starter", [], {}
    for k, model in enumerate(models):
        for j, name in enumerate(names.texts):
            result = text_result(model, texts[name], 1 + k / 10 + j / 100)
            results.append(result)
            expected[cohort, model.id, "compression", name] = result.lossless.bits_per_byte
        for j, name in enumerate(pair_names):
            results.append(pairs_result(model, name, 0.001 * (k + 10 * j)))
            # Layers 1 and 2 of the factory's record have 0.03 and 0.05.
            value = 0.04 + 0.001 * (k + 10 * j)
            expected[cohort, model.id, "preference", name] = value
        values = {name: 0.3 + k / 50 + j / 500 for j, name in enumerate(names.tasks)}
        results.append(suite_result(model, tasks, values))
        expected |= {(cohort, model.id, "benchmark", name): value for name, value in values.items()}
    return specs, results, expected


def text_result(model, corpus, rate: float) -> Result:
    lossless = make_result(model).lossless
    documents = tuple(replace(d, bits=d.bytes * rate) for d in lossless.documents)
    update = {"documents": documents, "bits_per_byte": rate}
    return make_result(
        model,
        name=corpus.name,
        text=CorpusText.of(corpus),
        lossless=lossless.model_copy(update=update),
    )


def pairs_result(model, name: str, shift: float) -> Result:
    result = make_preference(model)
    layers = tuple(
        layer.model_copy(update={"plug_in": tuple(value + shift for value in layer.plug_in)})
        for layer in result.preference.layers
    )
    preference = result.preference.model_copy(update={"layers": layers})
    return make_preference(model, name=name, preference=preference)


def suite_result(model, tasks, values: dict[str, float], started=TIMES[0]) -> Result:
    (known,) = make_result(model, "suite").tasks
    results = tuple(
        replace(
            known,
            task=task,
            scores=(replace(known.scores[0], task=task.task, value=values[task.task]),),
        )
        for task in tasks
    )
    return make_result(model, "suite", tasks=results, started=started)


def published(names: Names, rows: int, blanks: bool = False) -> tuple[PublishedTable, Figures]:
    """A table of `rows` models on a line with noise; the last three lack scores if `blanks`."""
    columns = [*names.published_texts, *names.published_scores]
    both = set(names.published_texts) & set(names.published_scores)
    assert not both, "one column of a table holds one figure"
    source = make_source(
        key="key of a model",
        group="group of a model",
        parameters="size of a model",
        compression=tuple(
            CompressionColumn(column=name, label=name, unit="bits per byte")
            for name in names.published_texts
        ),
        scores=tuple(
            ScoreColumn(column=name, label=name, chance=0.1, metric="accuracy")
            for name in names.published_scores
        ),
    )
    random, lines, expected = np.random.default_rng(0), [], {}
    models = [*names.published_models, *(f"model {k}" for k in range(rows))][:rows]
    for k, model in enumerate(models):
        family = names.families[k % len(names.families)]
        line = {"key of a model": model, "group of a model": family}
        line["size of a model"] = str(10 ** (6 + k % 4))
        for j, name in enumerate(columns):
            kind = "compression" if name in names.published_texts else "benchmark"
            level = 1.2 - 0.04 * k if kind == "compression" else 0.2 + 0.04 * k
            value = round(level + 0.002 * j + random.uniform(0, 0.001), 6)
            unknown = blanks and kind == "benchmark" and k >= rows - 3
            line[name] = "" if unknown else str(value)
            if not unknown:
                expected["paper", model, kind, name] = value
        lines.append(line)
    return PublishedTable(source, tuple(lines)), expected


def without_shared(names: Names) -> Names:
    """A published table has one column of a name, so its scores are called otherwise."""
    texts = set(names.published_texts)
    scores = tuple(name for name in names.published_scores if name not in texts)
    return replace(names, published_scores=scores or ("the only score",))


def make_board(names: Names, rows: int = 4, blanks: bool = False) -> tuple[StudiedBoard, Figures]:
    names = without_shared(names)
    specs, results, ours = measured(names)
    table, theirs = published(names, rows, blanks)
    contents = Contents(specs, store(*results), [table], [])
    return derive_board(contents, COMMIT), ours | theirs


def close(value: float, expected: float) -> bool:
    """Downloads have six digits."""
    return value == pytest.approx(expected, rel=1e-5)


def read_csv(files: dict[str, bytes], name: str) -> list[dict[str, str]]:
    """A table of text, whose columns have names of their own; a guard is taken off."""
    header, *lines = csv.reader(io.StringIO(files[f"data/{name}.csv"].decode()))
    assert len(set(header)) == len(header)
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    return [{name: cell.removeprefix("'") for name, cell in row.items()} for row in rows]


def check_scores(files: dict[str, bytes], expected: Figures) -> None:
    rows = read_csv(files, "scores")
    shown = {}
    for row in rows:
        name = row["column"]
        name = name.removesuffix("_preference") if row["kind"] == "preference" else name
        shown[row["cohort"], row["model"], row["kind"], name] = float(row["value"])
    assert len(shown) == len(rows)
    assert shown == pytest.approx(expected, rel=1e-5)


def check_leaderboard(files: dict[str, bytes], expected: Figures) -> None:
    """Each value is in its own column, and nothing else is in the columns of figures."""
    groups = {"compression": "compression", "preference": "preference", "benchmark": "score"}
    rows = {(row["cohort"], row["model"]): row for row in read_csv(files, "leaderboard")}
    for (cohort, model, kind, name), value in expected.items():
        plain = name.replace(".", "..")
        plain = f".{name}" if name in ("low95", "high95", "stderr") else plain
        cell = rows[cohort, model][f"{groups[kind]}.{plain}"]
        assert close(float(cell), value), (cohort, model, kind, name)
    for (cohort, model), row in rows.items():
        texts = [v for key, v in expected.items() if key[:3] == (cohort, model, "compression")]
        scores = [v for key, v in expected.items() if key[:3] == (cohort, model, "benchmark")]
        assert close(float(row["compression"]), float(np.mean(texts)))
        if row["score"]:
            assert close(float(row["score"]), float(np.mean(scores)))


def check_api(files: dict[str, bytes], board: StudiedBoard, expected: Figures) -> None:
    in_rows: Figures = {}
    in_models: Figures = {}
    leaderboard = json.loads(files["api/v1/leaderboard.json"])
    for cohort in leaderboard["cohorts"]:
        for group in GROUPS.values():
            columns = [column["name"] for column in cohort[group]]
            assert len(set(columns)) == len(columns)
        for row in cohort["rows"]:
            address = files[f"api/v1/{row['address']}"]
            for kind, group in GROUPS.items():
                in_rows |= {
                    (cohort["name"], row["model"], kind, name): value
                    for name, value in row[group].items()
                    if value is not None
                }
            for one in json.loads(address)["figures"]:
                key = (one["cohort"], row["model"], one["kind"], one["column"])
                in_models[key] = one["value"]
    for shown in (in_rows, in_models):
        plain = {
            (*key[:3], key[3].removesuffix("_preference") if key[2] == "preference" else key[3]): v
            for key, v in shown.items()
        }
        assert plain == pytest.approx(expected)


def check_names(board: StudiedBoard) -> None:
    """Names of columns, benchmarks, criteria and candidates: each has one meaning in a cohort."""
    for cohort in board.cohorts:
        columns = (*cohort.compression, *cohort.preferences, *cohort.scores)
        benchmarks = [cohort.mean_score, *(column.key for column in cohort.scores)]
        texts = [Key("parameters"), Key("training_flop"), *(c.key for c in cohort.compression)]
        text_names = [key.id if not key.name else text_id(key) for key in texts]
        for names in (
            [c.key.id for c in columns] + ["compression", "score"],
            [benchmark_id(key) for key in benchmarks],
            text_names,
        ):
            assert len(set(names)) == len(names)
        check_candidates(cohort)
    for options in make_options(board.cohorts, []):
        (cohort,) = (c for c in board.cohorts if c.name == options.name)
        names = [criterion.name for criterion in options.criteria]
        assert len(set(names)) == len(names)
        for option, row in zip(options.options, cohort.rows, strict=True):
            keys = [column.key for column in (*cohort.scores, *cohort.compression)]
            assert [score and score.value for score in option.scores] == [
                row.value(key) for key in keys
            ]


def check_candidates(cohort: Cohort) -> None:
    """A source has one set of figures, of which it takes the logarithm or not."""
    figures: dict[str, set[tuple[Key, ...]]] = {}
    for candidate in list_candidates(cohort, make_table(cohort)):
        keys = tuple(predictor.key for predictor in candidate.predictors)
        figures.setdefault(candidate.source, set()).add(keys)
    assert {source: len(keys) for source, keys in figures.items()} == dict.fromkeys(figures, 1)


def check_feed(files: dict[str, bytes]) -> None:
    feed = ElementTree.fromstring(files["feed.xml"])
    ids = [element.text for element in feed.iter("{http://www.w3.org/2005/Atom}id")]
    assert len(set(ids)) == len(ids)


def check_changes(names: Names, board: StudiedBoard) -> None:
    """A score of one task that moves is the only move."""
    assert compare_boards(("a", board), ("b", board)).sections == []
    (entry, *_) = (e for e in board.stored if e.result.kind == "suite")
    tasks = [task.task for task in entry.result.tasks]
    values = {task.task.task: task.scores[0].value for task in entry.result.tasks}
    values[names.tasks[0]] += 0.1
    model = board.specs.models[entry.result.model]
    again = suite_result(model, tasks, values, TIMES[1])
    stored = [*board.stored, *store(again)]
    moved = replace(board, stored=stored, current=current_results(board.specs, stored))
    changes = compare_boards(("a", board), ("b", moved))
    (move,) = (*changes.moved, *changes.within_noise)
    assert (move.model, move.figure, move.unit) == (model.id, names.tasks[0], "fraction")
    assert move.after - move.before == pytest.approx(0.1)


def check(names: Names) -> None:
    board, expected = make_board(names)
    files = export_files(board)
    check_scores(files, expected)
    check_leaderboard(files, expected)
    check_api(files, board, expected)
    check_names(board)
    check_feed(files)
    check_changes(names, board)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(BOARDS)
def test_every_value_is_that_of_its_record_whatever_things_are_called(names):
    check(names)


WORST = Names(
    texts=("score", "parameters", "compression", "a.low95"),
    pairs=("a", "stderr"),
    tasks=("score", "benchmark:score", "parameters", "compression", "stderr", "score.a", "a + b"),
    models=("score", "parameters", "mean"),
    families=("score", "mean", "log parameters", "(asked)"),
    published_texts=("mean", "b", "mean + b", "text:parameters", "parameters"),
    published_scores=("score", "benchmark:score", "score.mean", "compression.mean"),
    published_models=("score", "compression", "(asked)", "mean", "low95"),
)


@pytest.mark.parametrize(
    "names",
    [
        WORST,
        replace(WORST, texts=("a", "a.low95", "low95", "stderr"), pairs=("a_preference", "score")),
        replace(WORST, published_texts=("a", ".a", "a.", "..low95"), published_scores=("stderr",)),
        replace(WORST, tasks=("a", "a.stderr", "stderr", "compression.a"), texts=("a", "score.a")),
    ],
)
def test_examples_of_names_that_could_meet(names):
    check(names)


@pytest.mark.parametrize(
    "texts",
    [
        ("mean", "b", "mean + b"),
        ("mean", "b", "mean + log parameters"),
        ("text mean", "mean", 'text "mean"'),
        ("average", "all texts", "log parameters"),
        ("a", "optimality", "b"),
    ],
)
def test_predictions_are_of_the_very_text_and_benchmark(texts):
    """Fitted: left-out scores are the records', and predictions are of the scores that lack."""
    names = without_shared(replace(WORST, published_texts=texts))
    board, expected = make_board(names, rows=12, blanks=True)
    check_names(board)
    files = export_files(board)
    residuals = pd.read_parquet(io.BytesIO(files["data/residuals.parquet"]))
    by_name = {benchmark_id(Key("score", name)): name for name in names.published_scores}
    assert len(by_name) == len(names.published_scores)
    ours = residuals[(residuals["cohort"] == "paper") & (residuals["benchmark"] != "score")]
    assert set(ours["benchmark"]) == set(by_name)
    for row in ours.itertuples():
        value = expected["paper", row.model, "benchmark", by_name[row.benchmark]]
        assert row.measured == pytest.approx(value)
    predictions = [r for r in read_csv(files, "predictions") if r["cohort"] == "paper"]
    places = {(row["model"], row["benchmark"]) for row in predictions}
    assert len(places) == len(predictions) == 3 * (len(by_name) + 1)
    assert {name for _, name in places} == {"score", *by_name}
    assert not {(model, by_name.get(name)) for model, name in places} & {
        (model, name) for _, model, kind, name in expected if kind == "benchmark"
    }


def write_paper(root, names: Names) -> None:
    """The published table alone, as a repository."""
    table, _ = published(without_shared(names), rows=12, blanks=True)
    folder = root / "results/published/paper"
    folder.mkdir(parents=True)
    source = table.source.model_dump(mode="json", exclude_none=True)
    (folder / "source.toml").write_text(tomlkit.dumps(source), "utf-8")
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(table.rows[0]))
        writer.writeheader()
        writer.writerows(table.rows)


def predict(root, *arguments: str) -> list[dict]:
    command = ["predict", "--root", str(root), "--cohort", "paper", "--json", *arguments]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def test_the_command_takes_each_text_by_a_name_that_means_nothing_else(tmp_path):
    """Figures of a model, written as the command takes them, predict what the table predicts."""
    names = replace(
        WORST,
        published_texts=("parameters", "text:parameters", "a=1"),
        published_models=(*(f"model {k}" for k in range(11)), "(asked)"),
    )
    write_paper(tmp_path, names)
    (table,), problems = read_published(tmp_path)
    assert problems == []
    line = table.rows[-1]
    given = {
        "text:parameters": line["parameters"],
        "text:text:parameters": line["text:parameters"],
        "a=1": line["a=1"],
        "parameters": line["size of a model"],
    }
    options = [x for name, v in given.items() for x in ("--compression", f"{name}={v}")]
    asked = predict(tmp_path, *options)
    of_table = predict(tmp_path, "--model", line["key of a model"])
    assert [row["benchmark"] for row in asked] == [row["benchmark"] for row in of_table]
    assert {"score", "benchmark:score", "benchmark:benchmark:score"} <= {
        row["benchmark"] for row in asked
    }
    for mine, theirs in zip(asked, of_table, strict=True):
        assert mine["prediction"] == pytest.approx(theirs["prediction"])
    (named,) = predict(tmp_path, *options, "--benchmark", "benchmark:benchmark:score")
    assert named["benchmark"] == "benchmark:benchmark:score"


def test_a_published_source_is_not_called_like_a_measured_cohort(tmp_path):
    write_paper(tmp_path, WORST)
    folder = tmp_path / "results/published"
    (folder / "paper").rename(folder / "measured")
    source = folder / "measured/source.toml"
    source.write_text(source.read_text("utf-8").replace('"paper"', '"measured"'), "utf-8")
    (problem,) = read_published(tmp_path)[1]
    assert str(problem) == (
        'results/published/measured/source.toml: name: "measured" is reserved for cohorts that '
        "are measured here; rename the folder and the field"
    )


def test_the_api_asks_for_a_text_by_the_name_that_it_takes(tmp_path):
    """A text called parameters is text:parameters, since `parameters` is the size."""
    names = replace(WORST, published_texts=("parameters", "b"))
    write_paper(tmp_path, names)
    board = load_board(tmp_path)
    with pytest.raises(ValueError, match="needs text:parameters, b"):
        public.predict(board, "paper", {"parameters": 1e9})
    line = read_published(tmp_path)[0][0].rows[-1]
    figures = {"text:parameters": float(line["parameters"]), "b": float(line["b"])}
    answer = public.predict(board, "paper", {**figures, "parameters": 1e9}, "score")
    (asked,) = predict(
        tmp_path, "--benchmark", "benchmark:score", "--compression", "parameters=1e9",
        *(x for name, value in figures.items() for x in ("--compression", f"{name}={value}")),
    )  # fmt: skip
    assert answer.value == pytest.approx(asked["prediction"])


def test_a_baseline_is_not_shown_by_the_label_of_a_text_of_its_name():
    """A text called mean is no mean, and one called "a + b" is not the two texts."""
    names = replace(WORST, published_texts=("mean", "log parameters", "b"), published_scores=("q",))
    board, _ = make_board(names, rows=12)
    (cohort,) = (c for c in board.cohorts if c.name == "paper")
    texts = tuple(replace(c, label=f"Text {c.name}") for c in cohort.compression)
    cohort = replace(cohort, compression=texts)
    evidence = {cohort.name: weigh_evidence(cohort)}
    page = str(render_predict(renderer(), [cohort], evidence, board.calibration))
    rows = re.findall(r'<th scope="row">([^<]*)</th>\s*<td>(baseline|compression)</td>', page)
    baselines = {name for name, kind in rows if kind == "baseline"}
    assert baselines == {"mean", "log parameters"}
    assert {"Text mean", "Text log parameters", "Text b"} <= {name for name, _ in rows}


@pytest.mark.parametrize("place", [0, 1])
def test_a_task_of_two_suites_has_two_figures_among_the_changes(place):
    """Its scores in both suites are told apart, whichever moves."""
    second = SUITE.model_copy(update={"name": "second"})
    model = make_model(suites=("second", "starter"))
    specs = make_specs(model)
    specs.suites["second"] = second
    both = [suite_result(model, SUITE.tasks, {"sums": 0.3})]
    both.append(both[0].model_copy(update={"name": "second"}))
    moved = list(both)
    better = suite_result(model, SUITE.tasks, {"sums": 0.6})
    moved[place] = better.model_copy(update={"name": both[place].name})
    before, after = (board_of(specs, store(*results)) for results in (both, moved))
    changes = compare_boards(("a", before), ("b", after))
    assert [(m.before, m.after) for m in (*changes.moved, *changes.within_noise)] == [(0.3, 0.6)]
