"""Typed reasons of failures, and when each is tried again."""

from compression_leaderboard.records.jobs import REASONS, RETRY


def test_every_reason_has_a_policy():
    assert set(RETRY) == set(REASONS)


def test_what_could_run_code_is_never_tried_again():
    assert [reason for reason in REASONS if RETRY[reason] == "never"] == ["unsafe_weights"]
