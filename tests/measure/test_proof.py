"""The proof: what the model compressed comes back byte for byte, and costs what it should."""

import hashlib
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.measure.checkpoint import hash_folder
from compression_leaderboard.measure.documents import Document
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.proof import (
    Header,
    check_size,
    compress_tokens,
    cut_sample,
    decompress,
    decompress_tokens,
    header_line,
    prove_text,
)
from compression_leaderboard.measure.text import score_text
from compression_leaderboard.measure.weights import load_model
from compression_leaderboard.pages.model_page import render_model
from compression_leaderboard.plan.jobs import plan_jobs
from compression_leaderboard.records.base import UserError
from compression_leaderboard.repository.results import read_records
from compression_leaderboard.repository.specs import read_specs
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from tests.cases import one_in
from tests.commands import invoke
from tests.exported import renderer
from tests.factory import PROTOCOL, make_model, make_proof, make_result, make_specs, store
from tests.tiny import byte_tokenizer, calibrated, load_tiny, lossy_tokenizer, save_tiny
from tests.workspace import add_model_file

CONTEXT = 64  # of the tiny model, whose tokens are bytes
TEXTS = {
    "plain": "Four score and seven years ago",
    "one byte": "x",
    "longer than the context": "The quick brown fox jumps over the lazy dog. " * 2,
    "emoji": "🙂👩‍👩‍👧‍👦🇪🇺",
    "NUL and controls": "a\0b\x01\r\n\t\x7f\0",
    "mixed scripts": "Straße Ελλάδα Россия 中文 العربية हिन्दी",
    "special tokens as text": "<bos>a<eos>",
    "byte order mark and odd characters": "\ufeffa\u2028b\ufffd\ue000",
}
NASTY = "".join(TEXTS.values()) * 2


def ignore(*_: object) -> None:
    pass


def encode(loaded, text: str) -> list[int]:
    return loaded.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)


@pytest.mark.parametrize("text", one_in(2, TEXTS.values()), ids=TEXTS)
def test_any_text_comes_back_and_costs_what_it_should(text):
    """The decoder is another copy of the model; it knows nothing but the words and the count."""
    tokens = encode(load_tiny(), text)
    packed = compress_tokens(load_tiny(), tokens, CONTEXT, ignore)
    assert decompress_tokens(load_tiny(), packed.words, len(tokens), CONTEXT, 256) == tokens
    size = 8 * len(packed.words)
    assert packed.bits_quantised <= size <= 1.001 * packed.bits_quantised + 64
    lost = packed.bits_quantised - packed.bits_ideal
    assert abs(lost) < 0.01 * len(tokens)


@pytest.mark.parametrize(("bos", "eos"), [(True, True), (False, True), (False, False)])
def test_the_cost_is_that_of_the_scorer(bos, eos):
    """Bits per byte and the proof are of the same distributions, whatever stands at the start."""
    loaded = load_tiny(byte_tokenizer(bos, eos))
    text = TEXTS["plain"]
    packed = compress_tokens(loaded, encode(loaded, text), CONTEXT, ignore)
    protocol = PROTOCOL.model_copy(update={"window_tokens": CONTEXT, "stride_tokens": CONTEXT})
    scored = score_text(loaded, [Document("text", text)], protocol, ignore)[0]
    assert packed.bits_ideal == pytest.approx(scored.documents[0].bits, rel=1e-5)


def test_each_block_begins_without_context():
    loaded = load_tiny()
    tokens = encode(loaded, TEXTS["longer than the context"])
    blocks = [tokens[begin : begin + 25] for begin in range(0, len(tokens), 25)]
    assert len(blocks) > 3
    apart = [compress_tokens(loaded, block, CONTEXT, ignore).bits_ideal for block in blocks]
    packed = compress_tokens(loaded, tokens, 25, ignore)
    assert packed.bits_ideal == pytest.approx(math.fsum(apart), rel=1e-9)


def test_a_sliding_window_model_is_read_through_its_own_cache():
    """Layers that see 8 tokens and layers that see all: stepwise costs what one pass costs."""
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=264,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        sliding_window=8,
        layer_types=["sliding_attention", "full_attention"],
        initializer_range=0.3,
    )
    loaded = load_tiny(model=Gemma3ForCausalLM(config).float().eval())
    tokens = encode(loaded, TEXTS["plain"])
    packed = compress_tokens(loaded, tokens, CONTEXT, ignore)
    assert decompress_tokens(loaded, packed.words, len(tokens), CONTEXT, 256) == tokens
    with torch.inference_mode():
        logits = loaded.model(input_ids=torch.tensor([[256, *tokens]])).logits[0, :-1]
    nats = torch.nn.functional.cross_entropy(logits, torch.tensor(tokens), reduction="sum")
    assert packed.bits_ideal == pytest.approx(float(nats) / math.log(2), rel=1e-5)


def test_rounding_costs_the_likely_words_and_spares_the_rare_ones():
    """Every word of the vocabulary has a weight of at least 1 in 2^24, at the likely ones' cost."""
    loaded = load_tiny()
    expected = np.full(264, -40.0, dtype=np.float32)
    expected[7] = 0.0  # all but certain
    loaded.model.lm_head.weight.data.zero_()
    loaded.model.lm_head.bias = torch.nn.Parameter(torch.from_numpy(expected))
    packed = compress_tokens(loaded, [7] * 100, CONTEXT, ignore)
    assert packed.bits_ideal == pytest.approx(0, abs=1e-3)
    assert packed.bits_quantised == pytest.approx(-100 * math.log2(1 - 263 / 2**24), rel=1e-3)
    rare = compress_tokens(loaded, [8], CONTEXT, ignore)
    assert rare.bits_ideal == pytest.approx(40 / math.log(2), rel=1e-3)
    assert rare.bits_quantised == 24.0


def test_nan_weights_are_told():
    loaded = load_tiny()
    loaded.model.lm_head.weight.data[0, 0] = float("nan")
    with pytest.raises(MeasureError, match="token 0: the model's output is not a finite number"):
        compress_tokens(loaded, [1, 2], CONTEXT, ignore)


def test_a_sample_is_cut_between_characters():
    documents = [Document("a", "äöü"), Document("b", "🙂!")]
    assert [cut_sample(documents, n) for n in (1, 2, 6, 9, 10, 99)] == [
        "",
        "ä",
        "äöü",
        "äöü",
        "äöü🙂",
        "äöü🙂!",
    ]


def test_a_file_larger_than_its_cost_is_refused():
    check_size(133, 1000.0)
    with pytest.raises(MeasureError) as failure:
        check_size(134, 1000.0)
    assert str(failure.value) == (
        "the file has 1072 bits, its cost allows 1065; this is a fault of the coder: report it"
    )


@pytest.fixture
def packed(board):
    """A text that the board's model compressed."""
    model = read_specs(board)[0].models["tiny__A"]
    loaded = load_model(model, model.revisions()[-1], board, torch.float32)
    loaded = replace(loaded, calibration=calibrated("bos", 256))
    content = TEXTS["plain"].encode()
    tokens = encode(loaded, TEXTS["plain"])
    words = compress_tokens(loaded, tokens, CONTEXT, ignore).words
    header = Header(
        format=2,
        model=model.id,
        revision=model.weights.revision,
        threads=torch.get_num_threads(),
        block_tokens=CONTEXT,
        start=256,
        tokens=len(tokens),
        bytes=len(content),
        text_sha256=hashlib.sha256(content).hexdigest(),
        words_sha256=hashlib.sha256(words).hexdigest(),
    )
    return header_line(header) + words


def test_a_text_is_decompressed_from_what_is_in_its_bytes(board, packed):
    content, seconds = decompress(packed, board)
    assert content == TEXTS["plain"].encode()
    assert seconds > 0


def test_a_flipped_bit_is_noticed_wherever_it_is(board, packed):
    for place in (*range(0, len(packed), 23), len(packed) - 1):
        flipped = bytearray(packed)
        flipped[place] ^= 1
        with pytest.raises(MeasureError):
            decompress(bytes(flipped), board)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"format":2', b'"format":1', "the compressed text has no valid header; "),
        (
            b"tiny__A",
            b"tiny__B",
            "compressed by tiny__B at sha256-.*, which is not in ",
        ),
        (b'"start":256', b'"start":257', "the decompressed text is not the one that "),
        (b'"block_tokens":64', b'"block_tokens":9', "the decompressed text is not the one that "),
        (b"}\n", b"}\n\0", "the compressed bytes differ from those that were written; "),
    ],
)
def test_what_is_wrong_with_the_bytes_is_told(board, packed, old, new, message):
    with pytest.raises(MeasureError, match=f"^{message}"):
        decompress(packed.replace(old, new, 1), board)


@pytest.mark.slow
def test_a_nasty_text_comes_back_in_a_fresh_process(board):
    model = read_specs(board)[0].models["tiny__A"]
    parts = prove_text(model, model.revisions()[-1], NASTY, 1024, board, ignore)
    found = parts["proof"]
    assert parts["subject"].context_tokens == found.block_tokens == CONTEXT
    assert parts["calibration"].window_tokens == CONTEXT
    assert found.sample_bytes == len(NASTY.encode())
    assert found.tokens == len(encode(load_tiny(), NASTY)) > 5 * CONTEXT
    assert found.sample_sha256 == hashlib.sha256(NASTY.encode()).hexdigest()
    assert 8 * found.compressed_bytes <= 1.001 * found.bits_quantised + 64


@pytest.mark.slow
def test_a_process_that_fails_is_told(board):
    """The weights change between compressing and decompressing."""
    model = read_specs(board)[0].models["tiny__A"]

    def spoil(stage: str, done: int, total: int) -> None:
        if stage == "decompressing":
            (board / "weights/A/model.safetensors").write_bytes(b"other")

    with pytest.raises(MeasureError) as failure:
        prove_text(model, model.revisions()[-1], "text", 1024, board, spoil)
    assert failure.value.reason == "round_trip"
    assert re.fullmatch(
        r"decompressing failed: weights/A: these weights are sha256-.*, the model file says "
        r"sha256-.*; restore the weights, or write the new revision into the model file",
        failure.value.message,
    )


@pytest.mark.slow
def test_the_command_writes_a_record(board):
    result = invoke(board, "verify", "tiny__A", "speeches", "--bytes", "200")
    assert result.exit_code == 0
    ((entry,), problems) = read_records(board, "results/measured")
    found = entry.result.proof
    assert problems == []
    assert entry.file.split("/")[-2] == "proof-speeches"
    assert (found.sample_bytes, found.equal, found.block_tokens) == (200, True, 32)
    assert entry.result.environment.dtype == "float32"
    assert "constriction" in entry.result.environment.packages
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"200 bytes of speeches → {found.compressed_bytes} bytes (")
    assert lines[0].endswith(" → 200 bytes, equal")
    assert lines[1].endswith(f" → {entry.file}")


def test_a_tokenizer_that_loses_something_is_refused(board):
    save_tiny(board / "weights/Lower", tokenizer=lossy_tokenizer())
    add_model_file(board, "Lower", hash_folder(board / "weights/Lower"))
    result = invoke(board, "verify", "tiny__Lower", "speeches", "--local")
    ((entry,), _) = read_records(board, "results/local")
    message = (
        "the tokenizer does not give the sample back, so no coder can; "
        "its bits per byte are not ranked either"
    )
    assert result.exit_code == 1
    assert (entry.result.error.reason, entry.result.error.message) == ("tokenizer", message)
    assert result.stdout == f"failed (tokenizer): {message} → {entry.file}\n"


def test_unknown_names_list_the_known_ones(board):
    result = invoke(board, "verify", "tiny__B", "speech")
    assert isinstance(result.exception, UserError)
    assert result.exception.problems == [
        'model: unknown model "tiny__B"; choose from tiny__A',
        'corpus: unknown corpus "speech"; choose from speeches',
    ]


def test_a_proof_is_neither_planned_nor_ranked():
    model = make_model()
    specs, results = make_specs(model), [make_result(model), make_result(model, "suite")]
    assert plan_jobs(specs, store(*results)) == plan_jobs(specs, store(*results, make_proof(model)))
    with_proof = make_cohorts(specs, store(*results, make_proof(model)), [])
    assert with_proof[0].rows == make_cohorts(specs, store(*results), [])[0].rows
    assert make_cohorts(specs, store(make_proof(model)), []) == []


def test_a_proof_record_without_its_proof_is_reported(tmp_path):
    result = make_proof(make_model())
    file = tmp_path / "results/measured" / result.file
    file.parent.mkdir(parents=True)
    content = result.model_dump(mode="json")
    del content["proof"]
    file.write_text(json.dumps(content))
    assert [str(p) for p in read_records(tmp_path, "results/measured")[1]] == [
        f"results/measured/{result.file}: proof: missing; measure again: a proof record needs it"
    ]


def test_the_proof_stands_on_the_page_of_its_model():
    model = make_model()
    specs, stored = make_specs(model), store(make_result(model), make_proof(model))
    page = render_model(renderer(), model, stored, specs, [], [], "0" * 40)
    assert (
        "256 bytes of the text were compressed to 100 bytes and decompressed in a fresh "
        "process, byte for byte equal." in page
    )
    assert "<dd>0.0050 bits per token</dd>" in page
    assert f"records/{make_proof(model).file}" in page
