"""The API: every file is of its schema, leads to files that are there, and does not break."""

import json
from dataclasses import replace
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any, cast

import jsonschema
import pytest
from compression_leaderboard.board.figures import Column, Figure, Key, Row
from compression_leaderboard.exports.api import describe_cohort

from tests import ROOT
from tests.exported import COMMIT
from tests.published_cohorts import published_cohorts

FROZEN = json.loads((ROOT / "tests" / "frozen" / "api_v1_reads.json").read_text("utf-8"))
TYPES: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool}


@pytest.fixture(scope="module")
def files(miniature_files) -> dict[str, bytes]:
    return miniature_files


@pytest.fixture(scope="module")
def api(files):
    """The API's files that have content, by path below api/v1/."""
    prefix = "api/v1/"
    found = {p.removeprefix(prefix): json.loads(c) for p, c in files.items() if prefix in p}
    return {p: c for p, c in found.items() if not p.startswith("schemas/")}


def target(path: str, address: str) -> str:
    """Where a relative address of a file of the API leads, below the site's root."""
    return normpath(str(PurePosixPath("api/v1", path).parent / address))


def test_every_file_is_of_the_schema_that_it_names(files, api):
    assert len(api) == 4 + 4 + 13
    named = {path: target(path, content["schema"]) for path, content in api.items()}
    validators = {}
    for schema in set(named.values()):
        validators[schema] = jsonschema.Draft202012Validator(json.loads(files[schema]))
        validators[schema].check_schema(validators[schema].schema)
    for path, content in api.items():
        validators[named[path]].validate(content)
        assert content["commit"] == COMMIT.id


def test_a_file_without_a_member_would_not_be_of_its_schema(files, api):
    content = dict(api["leaderboard.json"])
    schema = json.loads(files[target("leaderboard.json", content.pop("schema"))])
    with pytest.raises(jsonschema.ValidationError, match="'schema' is a required property"):
        jsonschema.validate(content, schema)


def test_every_address_leads_to_a_file(files, api):
    index = api["index.json"]
    addresses = [index["leaderboard"], index["predictions"], index["licences"]]
    addresses += [file for table in index["tables"] for file in table["files"].values()]
    addresses += [model["address"] for model in index["models"]]
    assert [a for a in addresses if target("index.json", a) not in files] == []
    for cohort in api["leaderboard.json"]["cohorts"]:
        for row in cohort["rows"]:
            assert api[row["address"]]["id"] == row["model"]


@pytest.mark.parametrize("read", FROZEN["reads"], ids=lambda r: f"{r['file']}:{r['place'][-1]}")
def test_what_consumers_of_version_1_read_is_still_there(api, read):
    found = api[read["file"]]
    for step in read["place"]:
        found = found[step]
    assert isinstance(found, TYPES[read["type"]])
    if "equals" in read:
        assert found == read["equals"]


def test_the_figures_of_a_model_are_those_of_its_cohorts(api):
    """Every figure of a model's file stands in the row of the same cohort."""
    rows = {
        (cohort["name"], row["model"]): row
        for cohort in api["leaderboard.json"]["cohorts"]
        for row in cohort["rows"]
    }
    groups = {"compression": "compression", "preference": "preferences", "benchmark": "scores"}
    compared = 0
    for path, model in api.items():
        for figure in model.get("figures", ()):
            row = rows[figure["cohort"], model["id"]]
            assert row[groups[figure["kind"]]][figure["column"]] == figure["value"], path
            compared += 1
    assert compared > 25


@pytest.mark.parametrize(("higher_is_better", "models"), [(False, "abc"), (True, "bac")])
def test_rows_are_listed_with_the_best_compression_first(higher_is_better, models):
    """Bits per byte are better when low, compression ratios when high; unknown means come last."""
    key = Key("mean_compression", "", "paper")
    rows = [
        Row(
            model=model,
            name=model,
            label=model,
            family="family",
            page=f"published/paper/{model}/",
            date="",
            figures={} if mean is None else {key: Figure(key, mean, "", "published", "paper")},
        )
        for model, mean in (("c", None), ("b", 2.0), ("a", 1.0))
    ]
    column = Column(Key("compression", "text", "paper"), "Text", "unit", higher_is_better)
    cohort = replace(
        published_cohorts()["huang-2024"],
        compression=(column,),
        scores=(),
        rows=tuple(rows),
        mean_compression=key,
    )
    assert (
        "".join(row["model"] for row in cast(list[dict[str, str]], describe_cohort(cohort)["rows"]))
        == models
    )
