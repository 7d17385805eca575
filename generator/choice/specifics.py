"""Money in particular: where two models cost the same, and what moves the bill."""

from dataclasses import dataclass, replace

from generator.choice.costs import capacity, monthly_money, seconds_per_token
from generator.choice.front import Choice
from generator.choice.options import Option, Speed
from generator.choice.words import amount
from generator.records.assumptions import Assumptions


@dataclass(frozen=True)
class Sensitivity:
    """The monthly bill of a model when one assumption is half and twice what it is."""

    assumption: str
    low: float
    high: float


ASSUMPTIONS = {
    "tokens a month": "tokens_per_month",
    "price of an hour": "hour_price",
    "speed of the machine": "speedup",
    "price of a token": "token_price",
}


def break_even(
    one: Choice, other: Choice, speed: Speed | None, billing: str, held: Assumptions
) -> str | None:
    """From how many tokens a month the cheaper of two models is the cheaper one, in a sentence.

    None where the price of one is not known.
    """
    small, large = sorted((one, other), key=lambda c: (c.option.parameters or 0, c.option.id))
    names = f"{small.option.name} and {large.option.name}"
    if small.costs.money is None or large.costs.money is None:
        return None
    if billing != "machine":
        return f"{names}: {small.option.name} costs less at every number of tokens."
    per_token = seconds_per_token(large.option, speed, held)
    assert per_token is not None  # its price is known
    limit = capacity(per_token, held)
    return (
        f"{names} cost the same up to {amount(limit / 1e6)} million tokens a month, what one "
        f"machine reads with {large.option.name}; beyond that {small.option.name} costs less."
    )


def rent_or_buy(option: Option, speed: Speed | None, held: Assumptions) -> str | None:
    """From how many tokens a month an own machine is cheaper than paying by the token.

    None where the speed or the price of a token is not known.
    """
    per_token = seconds_per_token(option, speed, held)
    by_token = monthly_money(option, per_token, "token", held, 1.0)
    if per_token is None or not by_token:
        return None
    fixed_price = held.hour_price * held.hours_per_month
    tokens = fixed_price / by_token
    if tokens > capacity(per_token, held):
        return (
            f"{option.name}: by the token is cheaper at every volume, since a machine costs more "
            "than the tokens that it reads."
        )
    return (
        f"{option.name}: an own machine is cheaper than paying by the token from "
        f"{amount(tokens / 1e6)} million tokens a month on."
    )


def sensitivity(
    option: Option, speed: Speed | None, billing: str, held: Assumptions
) -> tuple[Sensitivity, ...]:
    """The bill at half and at twice each assumption, and at both ends of the error of the speed.

    A bill that is not known has no row.
    """

    def bill(held: Assumptions, speed: Speed | None) -> float | None:
        per_token = seconds_per_token(option, speed, held)
        return monthly_money(option, per_token, billing, held, held.tokens_per_month)

    bills: dict[str, list[float | None]] = {}
    for name, field in ASSUMPTIONS.items():
        ends = [held.model_copy(update={field: getattr(held, field) * k}) for k in (0.5, 2.0)]
        bills[name] = [bill(end, speed) for end in ends]
    if speed is not None and speed.factor is not None:
        factors = (1 / speed.factor, speed.factor)
        both = [replace(speed, seconds=speed.seconds * factor) for factor in factors]
        bills["error of the measured speed"] = [bill(held, end) for end in both]
    known = {name: [e for e in ends if e is not None] for name, ends in bills.items()}
    return tuple(
        Sensitivity(name, min(ends), max(ends))
        for name, ends in known.items()
        if len(ends) == len(bills[name])
    )
