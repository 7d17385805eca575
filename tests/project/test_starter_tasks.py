"""The items of the starter tasks: as generated, right, balanced and short enough."""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
import yaml

from tests import ROOT

TASKS = ROOT / "runs" / "tasks"
GENERATED = ["starter_minimal_pairs", "starter_arithmetic", "starter_repetition"]
GROUP = {  # the field of an item that names its group, fewest items, fewest groups
    "starter_minimal_pairs": ("phenomenon", 320, 7),
    "starter_arithmetic": ("operation", 240, 5),
    "starter_knowledge": ("topic", 120, 8),
    "starter_repetition": ("kind", 240, 4),
}
CHOSEN = ["starter_arithmetic", "starter_knowledge", "starter_repetition"]
MAX_BYTES = 220


def read_items(task: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (TASKS / f"{task}.jsonl").read_text("utf-8").splitlines()]


def prompt(task: str, item: dict[str, Any]) -> str:
    if task == "starter_repetition":
        return str(item["text"])
    return f"Question: {item['question']}\nAnswer: {item.get('start', '')}".rstrip()


def texts(task: str, item: dict[str, Any]) -> list[str]:
    """What the model reads, once per choice."""
    if task == "starter_minimal_pairs":
        return [item["good"], item["bad"]]
    return [f"{prompt(task, item)} {choice}" for choice in item["choices"]]


def test_the_generator_writes_the_committed_bytes(tmp_path):
    program = ROOT / "examples" / "starter_tasks" / "generate.py"
    subprocess.run([sys.executable, str(program), str(tmp_path)], check=True)
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(GENERATED)
    for task in GENERATED:
        made, kept = (folder / f"{task}.jsonl" for folder in (tmp_path, TASKS))
        assert made.read_bytes() == kept.read_bytes(), task


@pytest.mark.parametrize("task", GROUP)
def test_counts_and_groups(task):
    """Enough items in groups of one size, which alternate, so that a limit keeps the balance."""
    field, fewest_items, fewest_groups = GROUP[task]
    groups = [item[field] for item in read_items(task)]
    names = list(dict.fromkeys(groups))
    assert len(groups) >= fewest_items
    assert len(names) >= fewest_groups
    assert groups == names * (len(groups) // len(names))


@pytest.mark.parametrize("task", GROUP)
def test_no_item_and_no_choice_comes_twice(task):
    items = read_items(task)
    read = [text for item in items for text in texts(task, item)]
    assert len({item["id"] for item in items}) == len(items)
    assert len(set(read)) == len(read)
    if task in CHOSEN:
        prompts = {prompt(task, item) for item in items}
        assert len(prompts) == len(items)
        assert all(len(set(item["choices"])) == 4 for item in items)


@pytest.mark.parametrize("task", GROUP)
def test_items_fit_into_the_smallest_context(task):
    sizes = [len(text.encode()) for item in read_items(task) for text in texts(task, item)]
    assert max(sizes) <= MAX_BYTES


@pytest.mark.parametrize("task", CHOSEN)
def test_the_place_of_the_answer_is_balanced_in_every_group(task):
    field = GROUP[task][0]
    items = read_items(task)
    places = Counter((item[field], item["answer"]) for item in items)
    sizes = Counter(item[field] for item in items)
    assert {answer for _, answer in places} == {0, 1, 2, 3}
    assert all(count <= 0.35 * sizes[group] for (group, _), count in places.items())


def test_minimal_pairs_differ_little_and_sort_either_way():
    """The pairs are sorted, so that a model of ties scores near chance."""
    items = read_items("starter_minimal_pairs")
    first = [item["good"].lower() < item["bad"].lower() for item in items]
    assert 0.35 < sum(first) / len(first) < 0.65
    for item in items:
        good, bad = item["good"].split(), item["bad"].split()
        changed = sum(a != b for a, b in zip(good, bad, strict=True))
        reordered = sorted(good) == sorted(bad)
        assert changed == 1 or (reordered and changed <= 3), item["id"]
        assert abs(len(item["good"]) - len(item["bad"])) <= 4, item["id"]


def right_number(question: str, choices: list[int]) -> list[int]:
    """The choices that answer the question, worked out from its text alone."""
    numbers = [int(number) for number in re.findall(r"\d+", question)]
    if "comes next" in question:
        (step,) = {after - before for before, after in pairwise(numbers)}
        return [n for n in choices if n == numbers[-1] + step]
    a, b = [*numbers, numbers[0]][:2]
    for word, holds in {
        "plus": lambda n: n == a + b,
        "minus": lambda n: n == a - b,
        "times": lambda n: n == a * b,
        "larger": lambda n: n > a,
        "smaller": lambda n: n < a,
        "between": lambda n: a < n < b,
    }.items():
        if word in question:
            return [n for n in choices if holds(n)]
    raise AssertionError(question)


def test_every_arithmetic_answer_is_right_and_the_only_right_one():
    for item in read_items("starter_arithmetic"):
        right = right_number(item["question"], [int(choice) for choice in item["choices"]])
        assert right == [int(item["choices"][item["answer"]])], item
        assert (
            item["start"].rstrip(",").removesuffix(" is").removeprefix("A number ")
            in (item["question"])
        )


def test_the_choices_of_an_arithmetic_item_have_one_length():
    """So that none is likelier for being short, and acc_norm would equal acc."""
    for item in read_items("starter_arithmetic"):
        assert len({len(choice) for choice in item["choices"]}) == 1, item


def test_every_repetition_goes_on_with_its_answer():
    for item in read_items("starter_repetition"):
        shown = re.findall(r"\w+", item["text"])
        period = next(p for p in range(1, len(shown)) if shown[p:] == shown[:-p])
        assert 3 <= period <= 5
        assert item["choices"][item["answer"]] == shown[-period], item
        wrong = set(item["choices"]) - {shown[-period]}
        assert len(wrong & set(shown)) >= 2, item


@pytest.mark.parametrize("task", GROUP)
def test_the_suite_pins_the_committed_items(task):
    suite = tomllib.loads((ROOT / "runs" / "suites" / "starter.toml").read_text("utf-8"))
    datasets = {entry["task"]: entry["dataset"] for entry in suite["tasks"]}
    digest = hashlib.sha256((ROOT / datasets[task]["path"]).read_bytes()).hexdigest()
    assert datasets[task]["revision"] == f"sha256-{digest[:40]}"


@pytest.mark.parametrize("task", GROUP)
def test_the_harness_reads_the_file_that_the_suite_pins(task):
    config = yaml.safe_load((TASKS / f"{task}.yaml").read_text("utf-8"))
    suite = tomllib.loads((ROOT / "runs" / "suites" / "starter.toml").read_text("utf-8"))
    entry = next(entry for entry in suite["tasks"] if entry["task"] == task)
    assert config["task"] == task
    assert config["dataset_kwargs"]["data_files"] == {"test": entry["dataset"]["path"]}
    assert config["num_fewshot"] == entry["few_shot"]
    assert entry["metric"] in [metric["metric"] for metric in config["metric_list"]]
