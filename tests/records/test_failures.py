"""Typed reasons of failures, and when each is tried again."""

from typing import get_args

from compression_leaderboard.records.results import RETRY, Reason, retry_of


def test_every_policy_is_that_of_a_reason():
    assert set(RETRY) <= set(get_args(Reason))


def test_what_could_run_code_is_never_tried_again():
    assert [reason for reason in get_args(Reason) if retry_of(reason) == "never"] == [
        "unsafe_weights"
    ]


def test_a_word_of_an_earlier_version_waits_for_a_change():
    assert retry_of("a word of old") == "changed"
