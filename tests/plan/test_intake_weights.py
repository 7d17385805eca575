"""Weights on the Hub are judged from their metadata: every reason against them, a line each."""

from dataclasses import replace

import pytest
from compression_leaderboard.plan.hub_weights import HubListing, Room, check_weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GOOD = HubListing(
    repository="org/model",
    revision=COMMIT,
    sizes={"config.json": 900, "model.safetensors": 2_000_000_000, "README.md": 5000},
    parameters={"BF16": 1_000_000_000},
    code=(),
    licence="apache-2.0",
    gated=False,
    readable=True,
)
ROOM = Room(disk_bytes=10**11, memory_bytes=64 * 10**9, bytes_per_parameter=4)
PLACE = f"org/model at {COMMIT}"


def judged(listing: HubListing, room: Room | None = ROOM, licence: str = "Apache 2.0"):
    return [(r.reason, r.message) for r in check_weights(listing, licence, room)]


def test_weights_that_fit_are_let_through():
    assert judged(GOOD) == []
    assert judged(replace(GOOD, licence=None)) == []  # no licence told is none contradicted
    assert judged(replace(GOOD, licence="other")) == []
    assert judged(replace(GOOD, gated=True)) == []  # this machine has access


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        (
            {"sizes": {"config.json": 9, "pytorch_model.bin": 9, "other.pt": 9}},
            "unsafe_weights",
            "org/model/other.pt is a pickle, which can run code; "
            "convert the weights to safetensors",
        ),
        (
            {"code": ("config.json",)},
            "unsafe_weights",
            "org/model/config.json names code of the repository (auto_map); it is never run; "
            "measure a revision that transformers loads without it",
        ),
        (
            {"gated": True, "readable": False},
            "gated",
            "org/model: gated on the Hub; accept its terms on its page there and log in with "
            "`hf auth login`",
        ),
        (
            {"sizes": {"config.json": 9}, "parameters": {}},
            "weights",
            f"{PLACE} has no weights; expected *.safetensors",
        ),
        (
            {"parameters": {"BF16": 10, "I8": 10**9, "F8_E4M3": 10}},
            "weights",
            f"{PLACE} has F8_E4M3, I8, not only F64, F32, F16, BF16; "
            "name the repository of the weights before quantization",
        ),
        (
            {"licence": "gemma"},
            "weights",
            f'{PLACE}: the Hub gives the licence "gemma", the model file "Apache 2.0"; fix licence',
        ),
    ],
)
def test_each_reason_against_weights_has_a_line(changes, reason, message):
    assert judged(replace(GOOD, **changes), room=None) == [(reason, message)]


def test_a_model_too_large_for_the_machine_is_told_with_both_sizes():
    """A billion parameters in four bytes each and a fifth more; two gigabytes to fetch."""
    small = Room(disk_bytes=10**9, memory_bytes=4 * 10**9, bytes_per_parameter=4)
    assert judged(GOOD, small) == [
        (
            "too_large",
            "org/model: 2.0 GB of weights, 1.0 GB of disk are free; "
            "free some, or measure on a larger machine",
        ),
        (
            "too_large",
            "org/model: about 4.8 GB of memory needed, 4.0 GB are free; "
            "measure on a larger machine",
        ),
    ]
    assert judged(GOOD, replace(small, disk_bytes=2 * 10**9, memory_bytes=int(4.8e9))) == []
    assert judged(GOOD, None) == []  # for no machine, no room is asked for


def test_every_reason_is_told_at_once_the_gravest_first():
    bad = replace(GOOD, code=("config.json",), gated=True, readable=False, licence="mit")
    small = replace(ROOM, disk_bytes=0)
    reasons = [reason for reason, _ in judged(bad, small)]
    assert reasons == ["unsafe_weights", "gated", "too_large", "weights"]


def test_only_the_weights_that_transformers_reads_are_counted():
    """Many repositories hold them a second time, in the layout of another program."""
    doubled = {"consolidated.safetensors": 7, "original/model.safetensors": 7}
    sizes = {"model-00001-of-00002.safetensors": 1, "model-00002-of-00002.safetensors": 2}
    listing = replace(GOOD, sizes=sizes | doubled)
    assert (listing.weights, listing.weights_bytes) == (sorted(sizes), 3)
    assert replace(GOOD, sizes=doubled).weights == ["consolidated.safetensors"]
