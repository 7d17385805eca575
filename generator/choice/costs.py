"""What a model needs: memory, seconds a month and money a month, from stated formulas.

choose.js computes the same; a browser test holds the two together.
"""

import math
from dataclasses import dataclass

from generator.choice.options import Option, Speed
from generator.records.assumptions import Assumptions

# Bytes a parameter takes; four-bit formats keep scales beside the numbers.
PRECISIONS = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0625, "int4": 0.5625}
BILLINGS = {
    "machine": "whole machines, all month",
    "second": "a machine, by the second",
    "token": "by the token, elsewhere",
}
FARTHEST = 10.0  # times the largest measured model


@dataclass(frozen=True)
class Costs:
    """Of one model, under given assumptions. None: not known."""

    memory_bytes: float | None
    seconds: float | None  # of one machine, a month
    money: float | None  # a month


def memory_bytes(option: Option, precision: str, held: Assumptions) -> float | None:
    """Weights + cache + the running program.

    The cache holds a key and a value of every layer's width for each token: 2 · layers · width ·
    context · bytes, an upper bound where heads share keys. Layers and width that are not known
    follow from parameters = 12 · layers · width² and width = layer_width · layers.
    """
    if option.parameters is None:
        return None
    if option.layers is not None and option.width is not None:
        states = float(option.layers * option.width)
    else:
        layers = (option.parameters / (12 * held.layer_width**2)) ** (1 / 3)
        states = held.layer_width * layers**2
    cache = 2 * states * held.context_tokens * held.cache_bytes
    return option.parameters * PRECISIONS[precision] + cache + held.runtime_bytes


def seconds_per_token(option: Option, speed: Speed | None, held: Assumptions) -> float | None:
    """Reading speed of the records scaled by parameters; None beyond ten times the largest one."""
    if speed is None or option.parameters is None:
        return None
    if option.parameters > FARTHEST * speed.largest_parameters:
        return None
    return speed.seconds * option.parameters / held.speedup


def capacity(per_token: float, held: Assumptions) -> float:
    """Tokens that one machine reads in a month."""
    return held.utilisation * held.hours_per_month * 3600 / per_token


def monthly_money(
    option: Option, per_token: float | None, billing: str, held: Assumptions, tokens: float
) -> float | None:
    """Money for `tokens` a month."""
    if billing == "token":
        if option.parameters is None:
            return None
        return tokens / 1e6 * held.token_price * option.parameters / 1e9
    if per_token is None:
        return None
    if billing == "second":
        return tokens * per_token / 3600 * held.hour_price / held.utilisation
    machines = max(1, math.ceil(tokens / capacity(per_token, held)))
    return machines * held.hour_price * held.hours_per_month


def costs_of(
    option: Option, speed: Speed | None, precision: str, billing: str, held: Assumptions
) -> Costs:
    per_token = seconds_per_token(option, speed, held)
    tokens = held.tokens_per_month
    return Costs(
        memory_bytes=memory_bytes(option, precision, held),
        seconds=None if per_token is None else per_token * tokens,
        money=monthly_money(option, per_token, billing, held, tokens),
    )
