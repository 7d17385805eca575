"""Grammatical minimal pairs: a good and a bad sentence of the same words.

A pair differs in one word's form, in the order of two neighbors, or (negative polarity) in the
subject that licenses the rest. Each function makes n pairs of one phenomenon.
"""

import random
from collections.abc import Callable

import words
from draw import rows

Pair = tuple[str, str]  # the good and the bad sentence


def subject_verb_agreement(rng: random.Random, n: int) -> list[Pair]:
    pairs = []
    for forms, (base, third, _, _, rest), plural in rows(
        rng, n, words.PEOPLE, words.ACTIONS, (0, 1)
    ):
        good, bad = (base, third) if plural else (third, base)
        pairs.append((f"The {forms[plural]} {good} {rest}.", f"The {forms[plural]} {bad} {rest}."))
    return pairs


def agreement_across_attractor(rng: random.Random, n: int) -> list[Pair]:
    pairs = []
    columns = words.THINGS, words.ATTRACTORS, words.STATES, (0, 1), (("is", "are"), ("was", "were"))
    for forms, places, state, plural, verbs in rows(rng, n, *columns):
        subject = f"The {forms[plural]} {places[1 - plural]}"
        good, bad = verbs[plural], verbs[1 - plural]
        pairs.append((f"{subject} {good} {state}.", f"{subject} {bad} {state}."))
    return pairs


def determiner_noun(rng: random.Random, n: int) -> list[Pair]:
    pairs = []
    determiners = ("this", 0), ("that", 0), ("these", 1), ("those", 1)
    columns = words.NAMES, words.TRANSFERS, determiners, words.THINGS, words.TIMES
    for name, verb, (determiner, plural), forms, time in rows(rng, n, *columns):
        good, bad = forms[plural], forms[1 - plural]
        start = f"{name} {verb} {determiner}"
        pairs.append((f"{start} {good} {time}.", f"{start} {bad} {time}."))
    return pairs


def anaphor_agreement(rng: random.Random, n: int) -> list[Pair]:
    """Gender in half of the pairs, number in the other half (singular and plural subjects)."""
    pairs = []
    kinds = "gender", "gender", "singular", "plural"
    for subject, frame, kind in rows(rng, n, words.GENDERED, words.REFLEXIVE, kinds):
        singular, plural, own, other = subject
        good = "themselves" if kind == "plural" else own
        bad = {"gender": other, "singular": "themselves", "plural": own}[kind]
        start = f"The {plural if kind == 'plural' else singular} "
        pairs.append((f"{start}{frame.format(good)}.", f"{start}{frame.format(bad)}."))
    return pairs


def negative_polarity(rng: random.Random, n: int) -> list[Pair]:
    """ "ever", "any" and "at all" with and without a negative subject."""
    thirds = [n - 2 * (n // 3), n // 3, n // 3]
    pairs = []
    for (_, people), verb in rows(rng, thirds[0], words.PEOPLE, words.EVER):
        pairs.append((f"No {people} have ever {verb}.", f"Some {people} have ever {verb}."))
    for verb, time in rows(rng, thirds[1], words.ANY, words.TIMES):
        pairs.append((f"Nobody {verb} {time}.", f"Somebody {verb} {time}."))
    for (_, people), verb in rows(rng, thirds[2], words.PEOPLE, words.AT_ALL):
        rest = f"of the {people} {verb} at all."
        pairs.append((f"None {rest}", f"Some {rest}"))
    return pairs


def irregular_verb(rng: random.Random, n: int) -> list[Pair]:
    """Past tense and past participle, each where only it can stand."""
    pairs = []
    columns = words.PEOPLE, words.IRREGULAR, ("", "has ")
    for (person, _), (past, participle, rest), have in rows(rng, n, *columns):
        good, bad = (participle, past) if have else (past, participle)
        start = f"The {person} {have}"
        pairs.append((f"{start}{good} {rest}.", f"{start}{bad} {rest}."))
    return pairs


def question_order(rng: random.Random, n: int) -> list[Pair]:
    """Subject and auxiliary: inverted in direct questions, not inverted in embedded ones."""
    pairs = []
    columns = words.WH, words.PEOPLE, words.DIRECT_AUXILIARIES
    for (wh, verb), (person, _), aux in rows(rng, n // 2, *columns):
        subject = f"the {person}"
        pairs.append((f"{wh} {aux} {subject} {verb}?", f"{wh} {subject} {aux} {verb}?"))
    embedded = words.WH, words.PEOPLE, words.EMBEDDED_AUXILIARIES, words.NAMES, words.KNOWING
    for (wh, verb), (person, _), aux, name, knows in rows(rng, n - n // 2, *embedded):
        start, subject = f"{name} {knows} {wh.lower()}", f"the {person}"
        pairs.append((f"{start} {subject} {aux} {verb}.", f"{start} {aux} {subject} {verb}."))
    return pairs


def pronoun_case(rng: random.Random, n: int) -> list[Pair]:
    pairs = []
    for (good, bad), deed, time in rows(rng, n // 2, words.PRONOUNS, words.DEEDS, words.TIMES):
        pairs.append((f"{good.capitalize()} {deed} {time}.", f"{bad.capitalize()} {deed} {time}."))
    columns = words.PRONOUNS, words.PEOPLE, words.TO_PRONOUN
    for (bad, good), (person, _), frame in rows(rng, n - n // 2, *columns):
        start = f"The {person} "
        pairs.append((f"{start}{frame.format(good)}.", f"{start}{frame.format(bad)}."))
    return pairs


def comparative_form(rng: random.Random, n: int) -> list[Pair]:
    pairs = []
    frames = "than", "as", "much"
    columns = words.THINGS, words.DEGREES, words.COMPARED, frames
    for (thing, _), (plain, more, most), other, frame in rows(rng, n, *columns):
        good, bad = {
            "than": (f"{more} than", f"{most} than"),
            "as": (f"as {plain} as", f"as {more} as"),
            "much": (f"much {more} than", f"very {more} than"),
        }[frame]
        pairs.append((f"The {thing} is {good} the {other}.", f"The {thing} is {bad} the {other}."))
    return pairs


def verb_after_auxiliary(rng: random.Random, n: int) -> list[Pair]:
    pairs = []
    frames = "can", "did not", "is"
    for (person, _), action, aux in rows(rng, n, words.PEOPLE, words.ACTIONS, frames):
        base, third, past, ing, rest = action
        good, bad = {"can": (base, third), "did not": (base, past), "is": (ing, third)}[aux]
        start = f"The {person} {aux}"
        pairs.append((f"{start} {good} {rest}.", f"{start} {bad} {rest}."))
    return pairs


PHENOMENA: tuple[Callable[[random.Random, int], list[Pair]], ...] = (
    subject_verb_agreement,
    agreement_across_attractor,
    determiner_noun,
    anaphor_agreement,
    negative_polarity,
    irregular_verb,
    question_order,
    pronoun_case,
    comparative_form,
    verb_after_auxiliary,
)
