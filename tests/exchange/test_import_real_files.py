"""The 32 real result files of many authors and versions, each with what must come of it.

The counts were taken from the files with a plain loop over `results`, and the figures by eye.
"""

import json

import pytest
from compression_leaderboard.board.imported import find_conflicts
from compression_leaderboard.exchange.lm_eval import ZERO_ERROR, import_lm_eval
from compression_leaderboard.exchange.strict_json import IntakeError

from tests import ROOT

FOLDER = ROOT.parent / "shared" / "data" / "lm_eval_json"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared files are not here")

DETAILS = "is a list of 250 items, not one number"
# File → scores kept, standard errors kept, entries skipped by reason.
OUTCOMES: dict[str, tuple[int, int, dict[str, int]]] = {
    "01": (198, 194, {ZERO_ERROR: 1}),
    "02": (131, 128, {}),
    "04": (172, 171, {ZERO_ERROR: 1}),
    "05": (128, 128, {}),
    "06": (128, 128, {}),
    "14": (13, 8, {}),
    "15": (18, 18, {}),
    "16": (185, 185, {}),
    "18": (4, 4, {}),
    "19": (1, 1, {}),
    "20": (2, 2, {}),
    "28": (4, 0, {ZERO_ERROR: 4}),
    "29": (6, 6, {}),
    "31": (3, 3, {}),
    "32": (3, 3, {}),
    "34": (2, 2, {}),
    "35": (2, 2, {}),
    "37": (4, 4, {}),
    "39": (86, 86, {}),
    "42": (1, 1, {}),
    "43": (1, 1, {}),
    "45": (12, 12, {}),
    "47": (4, 0, {ZERO_ERROR: 4}),
    "48": (1, 1, {}),
    "49": (1, 1, {}),
    "51": (13, 8, {}),
    "52": (2, 1, {ZERO_ERROR: 1}),
    "54": (7, 7, {}),
    "55": (15, 14, {ZERO_ERROR: 1}),
    "57": (1, 1, {DETAILS: 1}),
}
REFUSED = {
    "09": "does not say which model it is about; give its name with --model",
    "27": "has no score that can be kept (1 × is lm-eval's placeholder for a task that is not "
    "scored (bypass)); give a file of results",
}
# File → model, revision, commit's beginning, harness version, date, few-shot counts, chat template.
FACTS = {
    "01": ("/fsx/hailey/pythia/ckpts/1.3B", "iteration 71500", "", None, None, {0}, None),
    # Its folder says five-shot; what the file says counts.
    "02": ("/fsx/hailey/pythia/ckpts/1.3B", "iteration 71500", "", None, None, {0}, None),
    "04": ("EleutherAI/pythia-v1.1-70m-deduped", "step0", "", None, None, {0}, None),
    "05": ("EleutherAI/pythia-v1.1-12b", "step143000", "", None, None, {5}, None),
    # Its list of few-shot counts is in neither the order of results nor that of versions.
    "14": ("meta-llama/Llama-2-13b-chat-hf", None, "", None, None, {None}, None),
    "28": ("gpt-3.5-turbo-0125", None, "", None, "2024-04-04", {0}, None),
    "29": (
        "/data/public_models/huggingface/EleutherAI/pythia-14m",
        "main",
        "",
        None,
        "2024-06-03",
        {0},
        None,
    ),
    "31": ("meta-llama/Meta-Llama-3-8B", "main", "62bd457b", None, "2024-06-17", {5}, False),
    "34": (
        "meta-llama/Meta-Llama-3-8B-Instruct",
        "main",
        "e1945c40",
        None,
        "2024-08-21",
        {8},
        True,
    ),
    "39": ("google/gemma-2-9b", "main", "33c19302", None, "2025-03-03", {0, None}, False),
    "42": ("google/gemma-2-2b", "main", "c5ebcd40", None, "2025-01-21", {0}, False),
    "43": ("nugen-flash-instruct", None, "", None, "2025-03-03", {0}, None),
    "45": ("EleutherAI/gpt-neo-125M", "main", "", "0.4.8", "2025-05-31", {0}, False),
    "49": ("meta-llama/Llama-2-7b-chat-hf", None, "", None, "2025-07-08", {0}, None),
    "54": ("google/gemma-2b", None, "", "0.4.10.dev0", "2026-01-26", {0, None}, False),
    "55": (
        "meta-llama/Llama-3.1-8B-Instruct",
        "main",
        "0e9e39f2",
        "0.4.12.dev0",
        "2026-02-19",
        {0},
        False,
    ),
    "57": ("text-davinci-002", None, "", None, None, {4}, None),
}
# File, task, metric, filter → value, standard error, items, whether higher is better.
FIGURES = {
    ("01", "wikitext", "bits_per_byte", "none"): (0.7566636913453257, None, None, None),
    ("01", "blimp_passive_2", "acc", "none"): (0.907, 0.009188875634996683, None, None),
    ("14", "jsquad-1.1-0.3", "exact_match", "none"): (67.69473210265646, None, None, None),
    ("18", "lambada_openai_cloze", "ppl", "none"): (
        6898.435163550819,
        322.9340159515305,
        None,
        None,
    ),
    ("19", "boolq", "acc", "none"): (0.5859327217125382, 0.008614932353134956, None, None),
    ("28", "wmdp", "exact_match", "none"): (1.0, None, None, None),
    ("35", "gsm8k_cot_llama", "exact_match", "strict-match"): (
        0.7725549658832449,
        0.01154636331254809,
        1319,
        True,
    ),
    ("35", "gsm8k_cot_llama", "exact_match", "flexible-extract"): (
        0.7778620166793025,
        0.011449986902435323,
        1319,
        True,
    ),
    ("37", "MT_CALAMITA_en_it_public", "chrf_score", "none"): (
        55.980476152715546,
        0.33205783711398346,
        1011,
        True,
    ),
    ("45", "truthfulqa_gen", "bleu_diff", "none"): (
        -0.3071316802783103,
        0.48061175573860104,
        817,
        True,
    ),
    ("49", "humaneval", "pass@1", "create_test"): (
        0.0975609756097561,
        0.023240913739762222,
        164,
        None,
    ),
    ("51", "MedNLI_0-shot", "f1", "none"): (0.9280397022332506, None, 1422, True),
    ("55", "mmlu_social_sciences", "acc", "none"): (
        0.7833333333333333,
        0.036641405439646994,
        120,
        True,
    ),
    ("57", "mgsm-1.0-0.0", "acc", "none"): (0.268, 0.02806876238252669, None, None),
}


def content_of(number: str) -> tuple[str, bytes]:
    (path,) = FOLDER.glob(f"{number}_*.json")
    return path.name, path.read_bytes()


def record_of(number: str, model: str | None = None):
    return import_lm_eval(*content_of(number), model)


def test_every_file_has_an_expectation():
    assert {path.name[:2] for path in FOLDER.glob("*.json")} == {*OUTCOMES, *REFUSED}
    assert len(OUTCOMES) + len(REFUSED) == 32


@pytest.mark.parametrize("number", OUTCOMES)
def test_what_is_kept_and_skipped(number):
    record = record_of(number)
    errors = sum(score.stderr is not None for _, score in record.readings())
    assert (record.kept, errors, record.reasons()) == OUTCOMES[number]


@pytest.mark.parametrize("number", OUTCOMES)
def test_no_number_is_dropped_or_changed(number):
    """Every entry of the file's results is a score or error of the record, or was skipped."""
    record = record_of(number)
    known = {}
    for task, score in record.readings():
        known[task.task, score.metric, score.filter] = (score.value, score.stderr)
    skipped = {entry.place for entry in record.skipped}
    for task, entries in json.loads(content_of(number)[1])["results"].items():
        for key, entry in entries.items():
            metric, _, filter_name = key.partition(",")
            if key in ("alias", "name", "sample_len", "sample_count"):
                continue
            if f"results.{task}.{key}" in skipped or entry == "N/A":
                continue
            plain = metric.removesuffix("_stderr")
            held = known[task, plain, filter_name or "none"]
            assert entry == held[plain != metric], (task, key)


@pytest.mark.parametrize("number", REFUSED)
def test_which_files_are_refused(number):
    with pytest.raises(IntakeError) as refused:
        record_of(number)
    assert str(refused.value) == REFUSED[number]


def test_the_file_without_a_model_can_be_given_one():
    record = record_of("09", "bigscience/tr1-13B")
    assert (record.kept, record.skipped, record.model.named_by) == (50, (), "importer")


@pytest.mark.parametrize("number", FACTS)
def test_what_the_file_says_of_its_run(number):
    record = record_of(number)
    model = record.model
    found = (
        model.name,
        model.revision,
        (model.commit or "")[:8],
        record.harness.version,
        None if record.date is None else f"{record.date:%Y-%m-%d}",
        {task.few_shot for task in record.tasks},
        record.chat_template,
    )
    assert found == FACTS[number]


@pytest.mark.parametrize("key", FIGURES, ids=lambda key: "-".join(key[:3]))
def test_figures(key):
    number, task, metric, filter_name = key
    (found,) = [
        score
        for held, score in record_of(number).readings()
        if (held.task, score.metric, score.filter) == (task, metric, filter_name)
    ]
    assert (found.value, found.stderr, found.n, found.higher_is_better) == FIGURES[key]


def test_groups_and_aliases():
    wmdp = {task.task: task for task in record_of("28").tasks}
    assert set(wmdp["wmdp"].members) == {"wmdp_bio", "wmdp_chem", "wmdp_cyber"}
    assert wmdp["wmdp_bio"].alias is None  # " - wmdp_bio" is the name with an indent
    mmlu = {task.task: task for task in record_of("55").tasks}
    group = mmlu["mmlu_social_sciences"]
    assert (group.alias, len(group.members), group.version) == ("social sciences", 12, "2")
    assert mmlu["mmlu_econometrics"].alias == "econometrics"
    assert len({t.task: t.members for t in record_of("39").tasks}["mmlu"]) == 4


@pytest.mark.parametrize("number", ["34", "42", "49"])
def test_an_adapter_is_never_the_plain_model(number):
    model = record_of(number).model
    assert model.adapter is not None
    assert "__" not in model.id


def test_limits_and_answers_that_stay_behind():
    assert (record_of("55").limit, record_of("34").limit, record_of("39").limit) == (10, 512, None)
    assert record_of("43").notes[0].startswith("5 answers to single items stay in the file")
    assert record_of("14").notes[0].startswith("num_fewshot is a list")


def test_the_files_agree_where_they_are_about_the_same_thing():
    """01 and 02 are one checkpoint at one few-shot count; 48 and 49 differ by an adapter."""
    records = [record_of(number) for number in OUTCOMES]
    assert find_conflicts(records) == []
