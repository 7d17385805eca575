"""Typed reasons of failures, and when each is tried again."""

from compression_leaderboard.records.results import REASONS, RETRY, retry_of


def test_every_policy_is_that_of_a_reason():
    assert set(RETRY) <= set(REASONS)


def test_what_could_run_code_is_never_tried_again():
    assert [reason for reason in REASONS if retry_of(reason) == "never"] == ["unsafe_weights"]


def test_a_word_of_an_earlier_version_waits_for_a_change():
    assert retry_of("a word of old") == "changed"
