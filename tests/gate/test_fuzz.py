"""Whatever the gate accepts becomes a board and its pages, and no bytes stop the gate itself.

These are the same few examples each time; `make fuzz` tries others for ten minutes.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.properties import files_of, make_base, try_to_build, validate_bytes
from tests.fuzz.repositories import Repository, changed_bytes, repositories

FEW = settings(max_examples=6, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    make_base(folder)
    return folder


@FEW
@given(repositories())
def test_what_is_accepted_becomes_a_board(repository: Repository):
    try_to_build(repository)


@FEW
@given(repositories(edited=False))
def test_any_number_within_its_bounds_is_accepted(repository: Repository):
    """Otherwise the test above would be true of a gate that accepts nothing."""
    assert try_to_build(repository).files


@FEW
@given(st.data())
def test_no_bytes_of_a_pull_request_stop_the_gate(base: Path, data: st.DataObject):
    validate_bytes(base, data.draw(changed_bytes(files_of(base))))
