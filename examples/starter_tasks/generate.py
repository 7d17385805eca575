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
from itertools import combinations
from pathlib import Path
from typing import Any

import words
from draw import balanced, interleave, rows, shuffled
from minimal_pairs import PHENOMENA, Pair

Item = dict[str, Any]
Sum = tuple[str, int, list[int]]  # the question, its answer, and the four choices in any order

SEED = 2024
PAIRS_PER_PHENOMENON = 40
ITEMS_PER_OPERATION = 60
ITEMS_PER_KIND = 64


def distinct_pairs(
    rng: random.Random, make: Callable[[random.Random, int], list[Pair]]
) -> list[Pair]:
    """Pairs drawn anew until no good sentence and no bad sentence comes twice."""
    while True:
        pairs = make(rng, PAIRS_PER_PHENOMENON)
        if all(len(set(sentences)) == len(pairs) for sentences in zip(*pairs, strict=True)):
            return pairs


def minimal_pairs(rng: random.Random) -> list[Item]:
    groups = []
    for make in PHENOMENA:
        phenomenon = make.__name__
        pairs = shuffled(rng, distinct_pairs(rng, make))
        groups.append(
            [
                {"id": f"{phenomenon}-{i:02d}", "phenomenon": phenomenon, "good": good, "bad": bad}
                for i, (good, bad) in enumerate(pairs, 1)
            ]
        )
    return interleave(groups)


# Arithmetic. The four choices have the same number of digits, so that none is likelier for its
# length, and are neighbors of each other, so that the choices alone do not tell the answer.


def nearby_numbers(rng: random.Random, answer: int) -> list[int]:
    """The answer and three wrong ones: off by one, by ten and by both, or with digits swapped."""
    if answer < 10:
        first = rng.randint(max(1, answer - 3), min(6, answer))
        return [first, first + 1, first + 2, first + 3]
    tens, units = divmod(answer, 10)
    while True:
        one, ten = rng.choice((-1, 1)), rng.choice((-10, 10))
        numbers = [answer, answer + one, answer + ten, answer + one + ten]
        if answer < 100 and rng.random() < 0.5:
            numbers = [answer, answer + one, 10 * units + tens, 10 * (units + one) + tens]
        if len(set(numbers)) == 4 and len({len(str(number)) for number in numbers}) == 1:
            return numbers


def operands(rng: random.Random, n: int) -> list[tuple[Any, ...]]:
    """One third each: two digits, a number of two digits and a digit, two numbers of two digits."""
    digit, number = range(2, 10), range(11, 90)
    third = n // 3
    pairs = rows(rng, third, digit, digit) + rows(rng, third, number, digit)
    return pairs + rows(rng, n - 2 * third, number, number)


def additions(rng: random.Random, n: int) -> list[Sum]:
    return [
        (f"What is {a} plus {b}?", a + b, nearby_numbers(rng, a + b)) for a, b in operands(rng, n)
    ]


def subtractions(rng: random.Random, n: int) -> list[Sum]:
    """Additions read backwards, so that every difference is above one."""
    return [(f"What is {a + b} minus {b}?", a, nearby_numbers(rng, a)) for a, b in operands(rng, n)]


def multiplications(rng: random.Random, n: int) -> list[Sum]:
    sums = []
    for factors in rng.sample(list(combinations(range(2, 14), 2)), n):
        a, b = shuffled(rng, factors)
        sums.append((f"What is {a} times {b}?", a * b, nearby_numbers(rng, a * b)))
    return sums


def sequences(rng: random.Random, n: int) -> list[Sum]:
    """Four terms of two digits, rising or falling by a constant step.

    The wrong choices are the last term shown, and the neighbors of both.
    """
    sums = []
    steps = (2, 3, 4, 5, 6, 7, 10, -2, -3, -4, -5, -10)
    for step, low in rows(rng, n, steps, range(10, 50)):
        first = low if step > 0 else low - 4 * step
        *shown, last, answer = (first + step * i for i in range(5))
        one = rng.choice((-1, 1)) if answer > 10 else 1
        question = f"What number comes next: {', '.join(map(str, [*shown, last]))}?"
        sums.append((question, answer, [answer, last, answer + one, last + one]))
    return sums


def comparisons(rng: random.Random, n: int) -> list[Sum]:
    """Questions without their list: it is added once the choices have their order."""
    sums = []
    columns = ("largest", "smallest"), (range(10, 100), range(100, 1000)), range(n)
    for word, numbers, _ in rows(rng, n, *columns):
        choices = rng.sample(numbers, 4)
        answer = max(choices) if word == "largest" else min(choices)
        sums.append((f"Which number is the {word}", answer, choices))
    return sums


OPERATIONS = {
    "addition": additions,
    "subtraction": subtractions,
    "multiplication": multiplications,
    "sequence": sequences,
    "comparison": comparisons,
}


def placed(rng: random.Random, answer: Any, choices: Sequence[Any], position: int) -> list[str]:
    """The choices as text in random order, the answer at its position."""
    order = shuffled(rng, [str(choice) for choice in choices if choice != answer])
    return [*order[:position], str(answer), *order[position:]]


def arithmetic(rng: random.Random) -> list[Item]:
    groups = []
    for operation, make in OPERATIONS.items():
        sums = shuffled(rng, make(rng, ITEMS_PER_OPERATION))
        positions = balanced(rng, range(4), len(sums))
        group: list[Item] = []
        for (question, answer, numbers), position in zip(sums, positions, strict=True):
            choices = placed(rng, answer, numbers, position)
            if operation == "comparison":
                question += f": {', '.join(choices[:3])} or {choices[3]}?"
            item: Item = {"id": f"{operation}-{len(group) + 1:02d}", "operation": operation}
            group.append(item | {"question": question, "choices": choices, "answer": position})
        groups.append(group)
    return interleave(groups)


# Repetition. The cut falls after the first and before the last entry of the last round, so that
# the shown text always repeats something and always leaves something to continue.

KINDS: dict[str, tuple[Sequence[str], str]] = {
    "words": (words.REPEATED_WORDS, " "),
    "nonsense": (words.NONSENSE, " "),
    "letters": (string.ascii_uppercase, ", "),
    "numbers": ([str(number) for number in range(11, 100)], ", "),
}


def repetition_item(rng: random.Random, kind: str, size: int, rounds: int, position: int) -> Item:
    """One list repeated and cut; the wrong choices are other entries of the list.

    A list of three has only two others: the third wrong choice comes from outside the list.
    """
    entries, separator = KINDS[kind]
    *cycle, outsider = rng.sample(entries, size + 1)
    shown = rng.randint(1, size - 1)  # entries of the last round that are shown
    answer = cycle[shown]
    others = [entry for entry in cycle if entry != answer]
    wrong = rng.sample(others, 3) if size > 3 else [*others, outsider]
    text = separator.join(cycle * (rounds - 1) + cycle[:shown]) + separator.rstrip()
    choices = placed(rng, answer, [answer, *wrong], position)
    return {"kind": kind, "text": text, "choices": choices, "answer": position}


def repetition(rng: random.Random) -> list[Item]:
    groups = []
    for kind in KINDS:
        columns = (3, 4, 5), (2, 3), range(4), range(ITEMS_PER_KIND)
        group = [
            {"id": f"{kind}-{i:02d}"} | repetition_item(rng, kind, size, rounds, position)
            for i, (size, rounds, position, _) in enumerate(rows(rng, ITEMS_PER_KIND, *columns), 1)
        ]
        groups.append(group)
    return interleave(groups)


TASKS = {
    "starter_minimal_pairs": minimal_pairs,
    "starter_arithmetic": arithmetic,
    "starter_repetition": repetition,
}


def main(folder: Path) -> None:
    for task, make in TASKS.items():
        lines = [json.dumps(item) + "\n" for item in make(random.Random(f"{task} {SEED}"))]
        (folder / f"{task}.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/tasks"))
