"""The descriptions of the tables are valid under their own tools, which load the tables by them."""

import hashlib
import json

import frictionless
import mlcroissant
import pyarrow.parquet as pq
import pytest
from compression_leaderboard.exports.tables import TABLES

from tests.exported import write_files


@pytest.fixture(scope="module")
def folder(miniature_files, tmp_path_factory):
    """data/ of the miniature board, as it stands on the site."""
    site = tmp_path_factory.mktemp("site")
    write_files(site, miniature_files)
    return site / "data"


@pytest.mark.slow
def test_the_data_package_is_valid(folder):
    """Descriptor, hashes and sizes, and every cell of every CSV file."""
    report = frictionless.validate(str(folder / "datapackage.json"))
    assert report.valid, report.flatten(["name", "type", "note"])
    assert report.stats["tasks"] == len(list(folder.glob("*.parquet")))


@pytest.mark.slow
def test_frictionless_sees_what_is_wrong(folder):
    """The test above could fail."""
    content = (folder / "models.csv").read_bytes()
    try:
        (folder / "models.csv").write_bytes(content.replace(b",1000,", b",many,", 1))
        report = frictionless.validate(str(folder / "datapackage.json"))
        types = {kind for _, kind in report.flatten(["name", "type"])}
        assert "hash-count" in types or "byte-count" in types or "type-error" in types
    finally:
        (folder / "models.csv").write_bytes(content)


def test_what_compares_a_record_with_a_model_is_derived():
    """It changes with the model's file, so no record has it."""
    assert TABLES["compression"].field("corpus_after_release").origin == "derived"


def test_the_data_package_names_every_file_licence_and_source(folder):
    package = json.loads((folder / "datapackage.json").read_text())
    listed = {
        file["path"]: file.get("hash")
        for resource in package["resources"]
        for file in (resource, *resource.get("otherFormats", ()))
    }
    names = {
        table["name"] for table in json.loads((folder / "dictionary.json").read_text())["tables"]
    }
    assert set(listed) == {p.name for p in folder.iterdir() if p.stem in names}
    for path, digest in listed.items():
        own = hashlib.sha256((folder / path).read_bytes()).hexdigest()
        # a table in one format alone
        assert digest == f"sha256:{own}" or path in (
            "compression_documents.parquet",
            "residuals.parquet",
        )
    assert package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    licences = {r["name"]: [one["name"] for one in r["licenses"]] for r in package["resources"]}
    assert licences["scores"] == ["CC-BY-4.0", "MIT"]
    assert licences["compression"] == ["CC-BY-4.0"]
    assert licences["imported"] == ["other-closed"]
    assert [source["title"] for source in package["sources"]] == ["A paper."]


def test_guarded_columns_are_named_for_csv_only(folder):
    package = json.loads((folder / "datapackage.json").read_text())
    fields = {
        field["name"]: field.get("guarded", False)
        for resource in package["resources"]
        if resource["name"] == "models"
        for field in resource["schema"]["fields"]
    }
    assert fields["family"] is True
    assert fields["parameters"] is False
    inside = json.loads((folder / "models.json").read_text())["schema"]["fields"]
    assert not any("guarded" in field for field in inside)


@pytest.fixture(scope="module")
def dataset(folder):
    return mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))


def test_croissant_is_valid(folder, dataset):
    assert not dataset.metadata.issues.errors
    assert not dataset.metadata.issues.warnings
    names = {one.uuid for one in dataset.metadata.record_sets}
    assert names == {path.stem for path in folder.glob("*.parquet")}


@pytest.mark.slow
def test_croissant_loads_every_table(folder, dataset):
    for name in {one.uuid for one in dataset.metadata.record_sets}:
        rows = list(dataset.records(name))
        stored = pq.read_table(folder / f"{name}.parquet").to_pylist()
        loaded = [{k.partition("/")[2]: _text(v) for k, v in row.items()} for row in rows]
        assert [_dates(row) for row in loaded] == [_dates(row) for row in stored], name


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


def _dates(row: dict[str, object]) -> dict[str, object]:
    """A date as text: mlcroissant gives it a time of day."""
    return row | {"released": str(row["released"])[:10]} if row.get("released") else row
