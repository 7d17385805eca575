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
from collections.abc import Callable, Collection, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import words
from draw import balanced, interleave, rows, shuffled
from minimal_pairs import PHENOMENA, Pair

Item = dict[str, Any]

SEED = 2024
PAIRS_PER_PHENOMENON = 40
ITEMS_PER_OPERATION = 48
ITEMS_PER_KIND = 60


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


# Arithmetic. The answer starts by restating its question ("17 plus 25 is"): asked for the bare
# number, small models that know the sum still score near chance. The four choices have the same
# number of digits, so that none is likelier for its length. Those of a sum or of a sequence are
# neighbors of each other, so that the choices alone do not tell the answer.


class Problem(NamedTuple):
    question: str
    start: str
    answer: int
    choices: list[int]  # with the answer, in any order


def nearby_numbers(
    rng: random.Random, answer: int, shown: Collection[int] = frozenset()
) -> list[int]:
    """The answer and three wrong ones: off by one, by ten and by both, or with digits swapped.

    None of them is among the numbers shown, which a model might copy.
    """
    if answer < 10:
        first = rng.randint(max(1, answer - 3), min(6, answer))
        return [first, first + 1, first + 2, first + 3]
    tens, units = divmod(answer, 10)
    while True:
        one, ten = rng.choice((-1, 1)), rng.choice((-10, 10))
        numbers = [answer, answer + one, answer + ten, answer + one + ten]
        if answer < 100 and rng.random() < 0.5:
            numbers = [answer, answer + one, 10 * units + tens, 10 * (units + one) + tens]
        same_length = len({len(str(number)) for number in numbers}) == 1
        if same_length and len(set(numbers)) == 4 and not set(numbers) & set(shown):
            return numbers


def calculation(rng: random.Random, text: str, answer: int) -> Problem:
    return Problem(f"What is {text}?", f"{text} is", answer, nearby_numbers(rng, answer))


def operands(rng: random.Random, n: int) -> list[tuple[Any, ...]]:
    """One third each: two digits, a number of two digits and a digit, two numbers of two digits."""
    digit, number = range(2, 10), range(11, 90)
    third = n // 3
    pairs = rows(rng, third, digit, digit) + rows(rng, third, number, digit)
    return pairs + rows(rng, n - 2 * third, number, number)


def additions(rng: random.Random, n: int) -> list[Problem]:
    return [calculation(rng, f"{a} plus {b}", a + b) for a, b in operands(rng, n)]


def subtractions(rng: random.Random, n: int) -> list[Problem]:
    """Additions read backwards, so that every difference is above one."""
    return [calculation(rng, f"{a + b} minus {b}", a) for a, b in operands(rng, n)]


def multiplications(rng: random.Random, n: int) -> list[Problem]:
    factors = rng.sample(list(combinations(range(2, 14), 2)), n)
    ordered = [shuffled(rng, pair) for pair in factors]
    return [calculation(rng, f"{a} times {b}", a * b) for a, b in ordered]


def sequences(rng: random.Random, n: int) -> list[Problem]:
    """Four terms of two digits, rising or falling by a constant step.

    No step of five or ten: the terms shown would be the neighbors of the answer.
    """
    problems = []
    for step, low in rows(rng, n, (2, 3, 4, 6, 7, 8, -2, -3, -4, -6), range(10, 50)):
        first = low if step > 0 else low - 4 * step
        *shown, answer = (first + step * i for i in range(5))
        listed = ", ".join(map(str, shown))
        choices = nearby_numbers(rng, answer, shown)
        problems.append(
            Problem(f"What number comes next: {listed}?", f"{listed},", answer, choices)
        )
    return problems


def comparisons(rng: random.Random, n: int) -> list[Problem]:
    """The answer is the largest, the smallest or a middle choice, each in a third of the items."""
    problems = []
    for word, bound in rows(rng, n, ("larger", "smaller", "between"), range(30, 70)):
        low, high = rng.sample(range(10, bound), 3), rng.sample(range(bound + 6, 100), 3)
        text, choices = {
            "larger": (f"larger than {bound}", [high[0], *low]),
            "smaller": (f"smaller than {bound + 5}", [low[0], *high]),
            "between": (
                f"between {bound} and {bound + 5}",
                [bound + rng.randint(1, 4), *rng.choice((low[:1] + high[:2], low[:2] + high[:1]))],
            ),
        }[word]
        start = f"A number {text} is"
        problems.append(Problem(f"Which number is {text}?", start, choices[0], choices))
    return problems


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
        problems = shuffled(rng, make(rng, ITEMS_PER_OPERATION))
        positions = balanced(rng, range(4), len(problems))
        groups.append(
            [
                {
                    "id": f"{operation}-{i:02d}",
                    "operation": operation,
                    "question": problem.question,
                    "start": problem.start,
                    "choices": placed(rng, problem.answer, problem.choices, position),
                    "answer": position,
                }
                for i, (problem, position) in enumerate(zip(problems, positions, strict=True), 1)
            ]
        )
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
