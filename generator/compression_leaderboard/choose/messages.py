"""Sentences of the page Choose and of `leaderboard choose`.
docs/data/choose.json holds the templates, so the page fills them in and has none of its own.
"""

from decimal import Decimal

MESSAGES = {
    "no_weight": "Every weight is 0; give at least one benchmark or text a weight above 0.",
    "mixed_units": (
        "Benchmarks and texts have different units, so their mean has none; weight only one kind."
    ),
    "no_figures": "Nothing fits: no model of this cohort has every weighted figure.",
    "nothing_fits": "Nothing fits. The model with the least memory is {name}: {reason}",
    "missing": "No figure for {names}.",
    "licence": "Its licence is {licence}.",
    "unknown_licence": "Its licence is unknown.",
    "unknown_parameters": "Its number of parameters is unknown, and so is its memory.",
    "parameters": "Has {value} billion parameters; the limit is {limit} billion.",
    "memory": "Needs {value} GB; the limit is {limit} GB.",
    "best_and_smallest": "Best quality and least memory.",
    "best": "Best quality.",
    "smallest": "Least memory.",
    "unknown_memory": "No model is better beyond the 95 % interval; its memory is unknown.",
    "optimal": "No model with less memory is as good.",
    "tied": "{reason} Tied in quality with {names}.",
    "more": "{names} and {count} more",
    "better": "{name} is better and needs no more memory.",
    "as_good": "{name} is as good within the 95 % interval and needs less memory.",
    "better_than_unknown": "{name} is better; the memory of this model is unknown.",
    "cost": (
        "At {price} per hour and {throughput} tokens per second, a million tokens cost {cost}."
    ),
    "monthly_cost": "{sentence} {tokens} million tokens per month cost {cost}.",
}


def cost_sentence(
    price_per_hour: float,
    tokens_per_second: float,
    tokens_per_month: float | None = None,
    currency: str = "",
) -> str:
    """What a million tokens cost on one machine that is busy all the time, and those of a month."""
    per_million = price_per_hour / (tokens_per_second * 3600) * 1e6
    sentence = MESSAGES["cost"].format(
        price=_money(price_per_hour, currency),
        throughput=rounded(tokens_per_second),
        cost=_money(per_million, currency),
    )
    if tokens_per_month is None:
        return sentence
    millions = tokens_per_month / 1e6
    return MESSAGES["monthly_cost"].format(
        sentence=sentence,
        tokens=rounded(millions),
        cost=_money(per_million * millions, currency),
    )


def rounded(value: float) -> str:
    """Three significant digits, without an exponent or trailing zeros."""
    return f"{Decimal(f'{value:.3g}'):f}"


def _money(value: float, currency: str) -> str:
    return f"{rounded(value)} {currency}".rstrip()
