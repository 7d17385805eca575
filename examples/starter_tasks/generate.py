"""Write the item files of the generated starter tasks, the same bytes on every run.

    python examples/starter_tasks/generate.py [folder]

The folder defaults to runs/tasks. Three files are written: starter_minimal_pairs.jsonl,
starter_arithmetic.jsonl and starter_repetition.jsonl (starter_knowledge.jsonl is hand-written).
Groups of items alternate line by line, so that the first n items are a balanced selection too.
"""

import json
import random
import string
import sys
from collections.abc import Callable, Sequence
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import words

Pair = tuple[str, str]  # the good and the bad sentence
Item = dict[str, Any]
SEED = 20240

PAIRS_PER_PHENOMENON = 40
ITEMS_PER_OPERATION = 60
ITEMS_PER_KIND = 64


def balanced[T](rng: random.Random, entries: Sequence[T], n: int) -> list[T]:
    """n entries in random order, each used equally often, give or take one."""
    drawn = list(chain.from_iterable(rng.sample(entries, len(entries)) for _ in range(n)))[:n]
    return rng.sample(drawn, n)


def rows(rng: random.Random, n: int, *columns: Sequence[Any]) -> list[tuple[Any, ...]]:
    """n distinct rows, every column balanced."""
    while True:
        drawn = list(zip(*(balanced(rng, column, n) for column in columns), strict=True))
        if len(set(drawn)) == n:
            return drawn


def interleave[T](groups: Sequence[list[T]]) -> list[T]:
    """First of every group, then the second of every group, and so on; equal sizes."""
    return list(chain.from_iterable(zip(*groups, strict=True)))


# Minimal pairs. Each function gives n pairs; a pair differs in one word's form or in word order.


def subject_verb_agreement(rng: random.Random, n: int) -> list[Pair]:
    pairs = []
    for forms, (base, third, _, _, rest), plural in rows(rng, n, words.PEOPLE, words.ACTIONS, (0, 1)):
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


def minimal_pairs(rng: random.Random) -> list[Item]:
    groups = []
    for make in PHENOMENA:
        name, made = make.__name__, make(rng, PAIRS_PER_PHENOMENON)
        made = rng.sample(made, len(made))  # sub-patterns mixed, for a fair prefix
        groups.append(
            [
                {"id": f"{name}-{i:02d}", "phenomenon": name, "good": good, "bad": bad}
                for i, (good, bad) in enumerate(made, 1)
            ]
        )
    return interleave(groups)


# Arithmetic. All four choices have the same number of digits, so that none is likelier for its
# length, and each is a neighbor of the others: the choices alone do not tell the answer.


def nearby_numbers(rng: random.Random, answer: int) -> list[int]:
    """The answer and three wrong ones: off by one, by ten and by both, or with digits swapped."""
    if answer < 10:
        first = rng.randint(max(1, answer - 3), min(6, answer))
        return [first, first + 1, first + 2, first + 3]
    tens, units = divmod(answer, 10)
    while True:
        one, ten = rng.choice((-1, 1)), rng.choice((-10, 10))
        numbers = [answer, answer + one, answer + ten, answer + one + ten]
        if tens < 10 and 0 < units != tens and rng.random() < 0.5:
            numbers = [answer, answer + one, 10 * units + tens, 10 * (units + one) + tens]
        if len(set(numbers)) == 4 and {len(str(number)) for number in numbers} == {len(str(answer))}:
            return numbers


def additions(rng: random.Random, n: int) -> list[tuple[str, int, list[int]]]:
    small, middle, large = range(2, 10), range(11, 90), range(11, 90)
    made = rows(rng, n // 3, small, small)
    made += rows(rng, n // 3, middle, small)
    made += rows(rng, n - 2 * (n // 3), large, large)
    return [(f"What is {a} plus {b}?", a + b, nearby_numbers(rng, a + b)) for a, b in made]


def subtractions(rng: random.Random, n: int) -> list[tuple[str, int, list[int]]]:
    """Additions read backwards, so that no difference is below one."""
    made = []
    for question, total, _ in additions(rng, n):
        taken = int(question.split()[2])
        rest = total - taken
        made.append((f"What is {total} minus {taken}?", rest, nearby_numbers(rng, rest)))
    return made


def multiplications(rng: random.Random, n: int) -> list[tuple[str, int, list[int]]]:
    made = []
    for factors in rng.sample(list(combinations(range(2, 14), 2)), n):
        a, b = rng.sample(factors, 2)
        made.append((f"What is {a} times {b}?", a * b, nearby_numbers(rng, a * b)))
    return made


def sequences(rng: random.Random, n: int) -> list[tuple[str, int, list[int]]]:
    """Four terms of an arithmetic progression; the last term and its neighbor are wrong choices."""
    made = []
    for step, start in rows(rng, n, (2, 3, 4, 5, 6, 7, 10, -2, -3, -4, -5, -10), range(10, 50)):
        first = start - 4 * min(step, 0)  # a falling sequence stays at two digits
        *shown, last, answer = (first + step * i for i in range(5))
        one = rng.choice((-1, 1)) if answer > 10 else 1
        question = f"What number comes next: {', '.join(map(str, [*shown, last]))}?"
        made.append((question, answer, [answer, last, answer + one, last + one]))
    return made


def comparisons(rng: random.Random, n: int) -> list[tuple[str, int, list[int]]]:
    made = []
    for word in balanced(rng, ("largest", "smallest"), n):
        numbers = rng.sample(rng.choice((range(10, 100), range(100, 1000))), 4)
        answer = max(numbers) if word == "largest" else min(numbers)
        made.append((word, answer, numbers))
    return made


OPERATIONS = {
    "addition": additions,
    "subtraction": subtractions,
    "multiplication": multiplications,
    "sequence": sequences,
    "comparison": comparisons,
}


def placed[T](answer: T, choices: Sequence[T], position: int, rng: random.Random) -> list[str]:
    """The choices in random order, the answer at its position."""
    wrong = [choice for choice in choices if choice != answer]
    order = rng.sample(wrong, len(wrong))
    return [str(choice) for choice in [*order[:position], answer, *order[position:]]]


def arithmetic(rng: random.Random) -> list[Item]:
    groups = []
    for operation, make in OPERATIONS.items():
        group = []
        made = rng.sample(made := make(rng, ITEMS_PER_OPERATION), len(made))
        positions = balanced(rng, range(4), ITEMS_PER_OPERATION)
        for i, ((question, answer, numbers), position) in enumerate(
            zip(made, positions, strict=True), 1
        ):
            choices = placed(answer, numbers, position, rng)
            if operation == "comparison":  # the question lists the choices, in their order
                listed = f"{', '.join(choices[:3])} or {choices[3]}"
                question = f"Which number is the {question}: {listed}?"
            item: Item = {"id": f"{operation}-{i:02d}", "operation": operation}
            group.append(item | {"question": question, "choices": choices, "answer": position})
        groups.append(group)
    return interleave(groups)
