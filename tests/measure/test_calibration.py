"""What is measured of weights before a text is scored: start mode, causality, number format."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from compression_leaderboard.measure import calibration as measuring
from compression_leaderboard.measure.calibration import (
    Windows,
    calibrate,
    check_causal,
    choose_start,
    compare_formats,
    list_candidates,
    read_texts,
    take_sample,
)
from compression_leaderboard.measure.documents import Document
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.text import score_documents
from compression_leaderboard.records.calibration import (
    CALIBRATION_TOKENS,
    NumberFormat,
    Start,
)
from tokenizers import processors
from transformers import BertConfig, BertLMHeadModel, LlamaConfig, LlamaForCausalLM

from tests import ROOT
from tests.measure.test_lossless import TEXTS, brute_force_bits
from tests.tiny import byte_tokenizer, calibrated, load_tiny, tiny_model

MODES = ["none", "bos", "bos-every-window", "eos", "eos-every-window"]


def ignore(*_: object) -> None:
    pass


# Start mode ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("window", "stride"), [(16, 8), (16, 16), (2, 1), (2, 2), (7, 3)])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_equals_brute_force(mode, window, stride):
    """One forward pass a token, its context cut and begun as the mode says, and the header."""
    token = {"b": 256, "e": 257, "n": None}[mode[0]]
    loaded = load_tiny(calibration=calibrated(mode, token, modes=5))
    documents = [Document(f"d{k}", text) for k, text in enumerate(TEXTS)]
    found = score_documents(loaded, documents, window, stride)
    for document, text in zip(found.documents, TEXTS, strict=True):
        expected = brute_force_bits(loaded, text, window, stride)
        assert document.bits == pytest.approx(expected, rel=1e-5)
    assert sum(stretch.bits for stretch in found.stretches) == pytest.approx(
        sum(document.bits for document in found.documents)
    )


def test_the_header_costs_the_logarithm_of_the_number_of_modes():
    one, five = (load_tiny(calibration=calibrated("bos", 256, modes=n)) for n in (1, 5))
    document = [Document("d", TEXTS[0])]
    bits = [score_documents(loaded, document, 16, 8).documents[0].bits for loaded in (one, five)]
    assert bits[1] - bits[0] == pytest.approx(math.log2(5))


def modes_of(loaded, window=16) -> list[str]:
    return [candidate.mode for candidate in list_candidates(loaded, window, "here")]


def test_a_tokenizer_has_the_modes_of_its_tokens():
    assert modes_of(load_tiny()) == MODES
    assert modes_of(load_tiny(byte_tokenizer(bos=False))) == ["none", "eos", "eos-every-window"]
    assert modes_of(load_tiny(byte_tokenizer(bos=False, eos=False))) == ["none"]
    assert modes_of(load_tiny(), window=1) == ["none", "bos", "eos"]  # no room for more


def test_one_token_for_both_ends_is_one_token():
    tokenizer = byte_tokenizer()
    tokenizer.eos_token = "<bos>"
    assert modes_of(load_tiny(tokenizer)) == ["none", "bos", "bos-every-window"]


def test_a_start_token_outside_the_embedding_does_not_exist():
    loaded = load_tiny(model=tiny_model(vocabulary=257))  # 257 is EOS
    assert modes_of(loaded) == ["none", "bos", "bos-every-window"]


def with_template(template: str):
    """A tokenizer that puts tokens around a text itself."""
    tokenizer = byte_tokenizer()
    tokens = [("<bos>", 256), ("<eos>", 257)]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=tokens
    )
    return tokenizer


@pytest.mark.parametrize(
    ("template", "default"),
    [
        ("$A", "none"),
        ("<bos> $A", "bos"),
        ("<eos> $A", "eos"),
        ("<bos> $A <eos>", "bos"),
        ("<bos> <eos> $A", "none"),
    ],
)
def test_the_default_is_what_the_tokenizer_puts_before_a_text(template, default):
    candidates = list_candidates(load_tiny(with_template(template)), 16, "here")
    assert {candidate.default for candidate in candidates} == {default}


def made_start(default: str, **bits: float) -> Start:
    names = {name.replace("_", "-"): value for name, value in bits.items()}
    start = calibrated("none", None).start
    modes = [{"mode": mode, "bits": value} for mode, value in names.items()]
    fields = start.model_dump() | {"default": default, "modes": tuple(modes)}
    return Start.model_validate(fields)


def test_the_fewest_bits_win_and_near_them_the_default():
    assert made_start("none", none=100.0, bos=99.0).fewest_bits == "bos"
    assert made_start("none", none=100.0, bos=99.81).fewest_bits == "none"
    assert made_start("bos", none=100.0, bos=100.19, eos=100.0).fewest_bits == "bos"
    assert made_start("bos", none=100.0, bos=100.21).fewest_bits == "none"
    assert made_start("bos", none=101.0, bos=101.0, eos=100.0).fewest_bits == "eos"


def liking(*tokens: int, by: float = 8.0):
    """A model that expects letters better after one of the tokens; worse where `by` is below 0."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=264,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=64,
    )
    model = LlamaForCausalLM(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.model.norm.weight.fill_(1)
        model.model.layers[0].input_layernorm.weight.fill_(1)
        model.model.embed_tokens.weight[:, 0] = 1
        model.model.embed_tokens.weight[list(tokens), 1] = by  # a mark that attention carries on
        attention = model.model.layers[0].self_attn
        attention.v_proj.weight[1, 1] = 4
        attention.o_proj.weight[1, 1] = 4
        model.lm_head.weight[:256, 1] = 1
    return model


@pytest.mark.parametrize("token", [256, 257])
def test_a_model_that_needs_a_token_in_every_window_gets_it(token):
    """The kind of Gemma 3: without BOS at the head of a window its bits rise by a third."""
    loaded = load_tiny(model=liking(token))
    sample = take_sample(loaded)
    start, nats = choose_start(loaded, sample, 16, list_candidates(loaded, 16, "here"))
    assert start.mode == ("bos" if token == 256 else "eos") + "-every-window"
    assert start.token == ("<bos>" if token == 256 else "<eos>")
    assert start.token_id == token
    assert sum(map(len, nats)) == sample.size
    assert start.bits_under(start.mode) == pytest.approx(sum(map(sum, nats)) / math.log(2))
    assert start.bits_under("none") > 1.002 * start.bits_under(start.mode)


def test_no_token_is_a_choice_too():
    """The kind of Qwen2.5-Coder: any start token costs more than none, also the default."""
    loaded = load_tiny(with_template("<bos> $A"), liking(256, 257, by=-8.0))
    start, _ = choose_start(loaded, take_sample(loaded), 16, list_candidates(loaded, 16, "here"))
    assert (start.mode, start.default) == ("none", "bos")
    assert (start.token, start.token_id) == (None, None)


# Text ---------------------------------------------------------------------------------------------


def test_the_text_is_long_of_several_kinds_and_in_no_corpus():
    documents = read_texts()
    assert len(documents) >= 2
    for document in documents:
        assert len(document.text) / 5.2 > 1024  # tokens of a coarse tokenizer, longer than a window
    assert sum(len(document.text) for document in documents) / 4.6 > 5900
    specs = "".join(file.read_text("utf-8") for file in ROOT.glob("runs/corpora/*.toml"))
    assert "compression_leaderboard" not in specs


def test_the_sample_is_even_and_whole():
    sample = take_sample(load_tiny())
    assert sample.size == CALIBRATION_TOKENS
    assert sorted(map(len, sample.tokens)) == [1333, 1333, 1334]


def test_a_changed_text_is_refused(monkeypatch):
    monkeypatch.setattr(measuring, "CALIBRATION_SHA256", "0" * 64)
    with pytest.raises(MeasureError, match="install the package again"):
        read_texts()


# Causality ----------------------------------------------------------------------------------------


def peeking(kind: str):
    """Models whose output at a position depends on what comes after it."""
    model = tiny_model()
    if kind == "is_causal: false":
        torch.manual_seed(0)
        config = LlamaConfig(**(model.config.to_dict() | {"is_causal": False}))
        return LlamaForCausalLM(config).float().eval()
    plain = model.model.forward

    def forward(*args, **kwargs):
        output = plain(*args, **kwargs)
        states = output.last_hidden_state
        if kind == "one token ahead":
            seen = torch.roll(states, -1, dims=1)
            seen[:, -1] = 0
        elif kind == "the last token":
            seen = states[:, -1:].expand_as(states)
        else:  # both directions inside blocks of 32
            length = states.shape[1]
            blocks = torch.arange(length) // 32
            same = (blocks[:, None] == blocks[None]).float()
            seen = (same / same.sum(dim=1, keepdim=True)) @ states
        output.last_hidden_state = states + 0.1 * seen
        if output.hidden_states is not None:
            output.hidden_states = (*output.hidden_states[:-1], output.last_hidden_state)
        return output

    model.model.forward = forward
    return model


@pytest.mark.parametrize(
    "kind", ["is_causal: false", "one token ahead", "the last token", "blocks of 32"]
)
def test_a_model_that_sees_later_tokens_is_refused(kind):
    loaded = load_tiny(model=peeking(kind))
    with pytest.raises(MeasureError, match="no code length") as caught:
        check_causal(loaded, take_sample(loaded), 64)
    assert caught.value.reason == "not_causal"


@pytest.mark.parametrize("window", [1, 2, 3, 16, 64])
def test_a_causal_model_changes_nothing(window):
    loaded = load_tiny()
    assert check_causal(loaded, take_sample(loaded), window) < 1e-5


def test_attention_to_both_sides_is_refused_in_weights_that_learned_nothing():
    """Random weights of a usual size expect nearly the same everywhere: BERT moves by 0.0006."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=264,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
    )
    loaded = load_tiny(model=BertLMHeadModel(config).eval())
    with pytest.raises(MeasureError, match="no code length"):
        check_causal(loaded, take_sample(loaded), 64)


# Number format ------------------------------------------------------------------------------------


def test_the_error_of_a_format_is_that_of_repeated_texts():
    """The standard error is the spread of the difference over texts of the same kind."""
    generator = np.random.default_rng(0)
    found = []
    for _ in range(400):
        exact = [generator.gamma(2.0, 1.0, n) for n in (1334, 1333, 1333)]
        rounded = [nats * (1 + 1e-3) + generator.normal(0, 0.02, len(nats)) for nats in exact]
        found.append(compare_formats(exact, rounded, "bfloat16"))
    differences = np.array([entry.difference for entry in found])
    errors = np.array([entry.standard_error for entry in found])
    assert differences.mean() == pytest.approx(1e-3, abs=3 * differences.std() / 20)
    assert errors.mean() == pytest.approx(differences.std(), rel=0.15)


@pytest.mark.parametrize(
    ("bits", "error", "is_close"),
    [(1000.4, 0.0002, True), (999.4, 0.0001, True), (1000.4, 0.0004, False), (994.6, 0.0, False)],
)
def test_a_fast_format_is_used_only_if_it_is_close(bits, error, is_close):
    """0.1 % with two standard errors; of bfloat16 on Qwen2.5-Coder-0.5B it was −0.54 %."""
    fast = NumberFormat(dtype="bfloat16", bits=bits, float32_bits=1000.0, standard_error=error)
    assert fast.is_close == is_close


class Loader:
    """Loads the tiny model in the format asked for, and counts."""

    def __init__(self, harm: float = 0.0):
        self.asked: list[torch.dtype] = []
        self.harm = harm

    def __call__(self, dtype):
        self.asked.append(dtype)
        model = tiny_model().to(dtype)
        if dtype == torch.bfloat16:
            with torch.no_grad():
                model.lm_head.weight.mul_(1 + self.harm)
        return replace(load_tiny(model=model), calibration=None)


@pytest.mark.parametrize(("harm", "dtype"), [(0.0, "bfloat16"), (0.5, "float32")])
def test_a_model_is_scored_in_the_fast_format_only_if_that_changes_nothing(
    monkeypatch, tmp_path, harm, dtype
):
    monkeypatch.setattr(measuring, "suitable_dtype", lambda: torch.bfloat16)
    loader = Loader(harm)
    loaded = calibrate(loader, "sha256-of-tiny", tmp_path, ignore, Windows(64))
    fast = loaded.calibration.number_format
    assert fast.dtype == "bfloat16"
    assert (loaded.dtype, loaded.calibration.dtype) == (dtype, dtype)
    assert (abs(fast.difference) + 2 * fast.standard_error <= 0.001) == (dtype == "bfloat16")
    assert loaded.start.revision == "sha256-of-tiny"
    assert loader.asked[0] == torch.float32
    assert len(loader.asked) == (2 if dtype == "bfloat16" else 3)
    again = Loader(harm)
    known = calibrate(again, "sha256-of-tiny", tmp_path, ignore, Windows(64)).calibration
    assert known == loaded.calibration
    assert again.asked == [getattr(torch, dtype)]  # what was measured is kept
    other = Loader(harm)
    shorter = calibrate(other, "sha256-of-tiny", tmp_path, ignore, Windows(32))
    assert shorter.calibration.window_tokens == 32


def test_a_model_that_cannot_compute_in_the_fast_format_is_scored_in_float32(monkeypatch, tmp_path):
    """As XLNet, whose code mixes two formats."""
    monkeypatch.setattr(measuring, "suitable_dtype", lambda: torch.bfloat16)

    def load(dtype):
        loaded = Loader()(dtype)
        if dtype == torch.bfloat16:
            loaded.model.model.norm.float()
            loaded.model.model.norm.register_forward_hook(lambda *parts: parts[-1].float())
        return loaded

    loaded = calibrate(load, "tiny", tmp_path, ignore, Windows(64))
    assert (loaded.dtype, loaded.calibration.number_format) == ("float32", None)


def test_a_model_whose_code_fails_is_one_line():
    """As XLNet with attention to one side, or a tokenizer with more words than the embedding."""
    loaded = load_tiny()
    loaded.model.model.embed_tokens = torch.nn.Embedding(8, 32)
    with pytest.raises(MeasureError) as caught:
        check_causal(loaded, take_sample(loaded), 64)
    assert caught.value.reason == "architecture"
    assert caught.value.message == (
        "LlamaForCausalLM fails on a text (IndexError: index out of range in self); "
        "report it, so that it can be added"
    )


def test_progress_of_the_calibration_is_told_within_a_start_mode(tmp_path):
    """4,000 tokens of a large model take minutes."""
    stages: list[tuple[str, int, int]] = []
    report = lambda *stage: stages.append(stage)  # noqa: E731
    loaded = calibrate(Loader(), "tiny", tmp_path, report, Windows(64), torch.float32)
    names = list(dict.fromkeys(stage for stage, _, _ in stages))
    assert names == ["checking causality", "calibration tokens"]
    done = [count for stage, count, _ in stages if stage == "calibration tokens"]
    total = 5 * loaded.calibration.tokens
    assert done == sorted(done)
    assert max(b - a for a, b in itertools.pairwise([0, *done])) < loaded.calibration.tokens
    assert done[-1] > 0.99 * total


def test_a_cache_that_cannot_be_written_costs_no_score(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    loaded = calibrate(Loader(), "tiny", tmp_path / "file", ignore, Windows(64), torch.float32)
    assert loaded.calibration.tokens == 4000


def test_a_format_that_is_asked_for_is_not_checked(tmp_path):
    loaded = calibrate(Loader(), "tiny", tmp_path, ignore, Windows(64), torch.float32)
    assert (loaded.dtype, loaded.calibration.number_format) == ("float32", None)


def test_a_damaged_file_of_the_cache_is_measured_again(monkeypatch, tmp_path):
    monkeypatch.setattr(measuring, "suitable_dtype", lambda: torch.float32)
    first = calibrate(Loader(), "tiny", tmp_path, ignore, Windows(64))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:40])
    again = calibrate(Loader(), "tiny", tmp_path, ignore, Windows(64))
    assert again.calibration == first.calibration


def test_a_window_that_the_model_cannot_read_is_refused(tmp_path):
    with pytest.raises(MeasureError, match="reads 64 tokens, the window has 65"):
        calibrate(Loader(), "tiny", tmp_path, ignore, Windows(65))


def test_checkpoints_of_a_run_share_the_start_of_the_last_one(tmp_path):
    last = calibrated("eos", 257, modes=5).start
    loaded = calibrate(Loader(), "tiny", tmp_path, ignore, Windows(64), torch.float32, last)
    assert loaded.start == last
