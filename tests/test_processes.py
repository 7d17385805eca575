"""Work in a process of its own gives its answer, or raises what went wrong."""

import os
import sys

import pytest
from compression_leaderboard.repository.processes import start_beside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no process is forked elsewhere")


def test_the_answer_comes_from_another_process():
    wait = start_beside(lambda: {"by": os.getpid(), "bytes": bytes(10_000_000)})
    answer = wait()
    assert answer["by"] != os.getpid()
    assert answer["bytes"] == bytes(10_000_000)


def test_what_it_raises_is_raised_where_it_is_waited_for():
    def fail() -> None:
        raise ValueError("no such table")

    with pytest.raises(ValueError, match="no such table"):
        start_beside(fail)()


def test_a_process_that_dies_is_noticed():
    with pytest.raises(EOFError):
        start_beside(lambda: os._exit(1))()
