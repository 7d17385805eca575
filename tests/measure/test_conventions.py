"""The conventions of other tools, worked through: their own rules, and lm-eval itself."""

import hashlib
import math

import lm_eval
import numpy as np
import pytest
import torch
from compression_leaderboard.measure.documents import tokenize
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks.wikitext.preprocess_wikitext import process_results, wikitext_detokenizer
from tokenizers.processors import TemplateProcessing

from tests.conventions import (
    IN_BFLOAT16,
    SOURCES,
    Example,
    llama_chunks,
    lm_eval_chunks,
    load,
    read_table,
    read_text,
    score_chunks,
    sum_in_bfloat16,
    uncheatable_chunks,
    work_through,
)
from tests.measure.test_lossless import brute_force_bits
from tests.tiny import byte_tokenizer, load_tiny, merged_tokenizer, tiny_model

TEXT = "Seventeen bytes: and then some more of them, äöü"


def run_lm_eval(loaded, text: str, max_length: int | None) -> float:
    """The nats that lm-eval itself finds."""
    model = HFLM(
        pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=1, max_length=max_length
    )
    request = Instance("loglikelihood_rolling", doc={}, arguments=(text,), idx=0)
    (log_likelihood,) = model.loglikelihood_rolling([request], disable_tqdm=True)
    return -log_likelihood


def costs_of(loaded, sequence: list[int]) -> list[float]:
    """The nats of every token but the first, from one plain pass."""
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([sequence])).logits[0].double().log_softmax(-1)
    return [-float(logits[place, token]) for place, token in enumerate(sequence[1:])]


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 31, 32, 33, 48])
def test_lm_eval_itself_finds_our_figure_under_its_convention(size):
    """Inside one window of 16 tokens and over several, with a last one of any length."""
    loaded, text = load_tiny(), TEXT.encode()[:size].decode(errors="ignore")
    tokens = tokenize(text, "text", loaded)
    nats = score_chunks(loaded, lm_eval_chunks(tokens, loaded.tokenizer.bos_token_id, 16))
    assert len(nats) == len(tokens)
    assert math.fsum(nats) == pytest.approx(run_lm_eval(loaded, text, 16), abs=1e-5 * len(tokens))


@pytest.mark.parametrize("tokenizer", [byte_tokenizer(bos=False), merged_tokenizer()])
def test_lm_eval_puts_eos_before_a_text_where_there_is_no_bos(tokenizer):
    loaded = load_tiny(tokenizer, tiny_model(vocabulary=300))
    example = Example.of(loaded, TEXT)
    assert example.prefix == tokenizer.eos_token_id
    row = example.lm_eval(64)
    assert row["bits_per_byte"] == pytest.approx(
        run_lm_eval(loaded, TEXT, None) / math.log(2) / len(TEXT.encode()), rel=1e-5
    )


def test_lm_eval_counts_a_bos_that_the_tokenizer_adds_itself():
    """As those of Gemma and Llama 3 do: it comes after the prefix, and costs bits."""
    tokenizer = byte_tokenizer()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 256)]
    )
    loaded = load_tiny(tokenizer)
    tokens = tokenize(TEXT, "text", loaded).tolist()
    expected = costs_of(loaded, [256, 256, *tokens])
    assert len(expected) == len(TEXT.encode()) + 1
    assert run_lm_eval(loaded, TEXT, None) == pytest.approx(math.fsum(expected), rel=1e-6)


def test_inside_one_window_lm_eval_and_this_board_agree():
    """Behind the same token: every token once, and all bytes."""
    example = Example.of(load_tiny(), TEXT)
    ours, theirs = example.ours(64, 32), example.lm_eval(64)
    assert ours["scored"] == theirs["scored"] == len(TEXT.encode())
    assert ours["bits_per_byte"] == pytest.approx(theirs["bits_per_byte"], rel=1e-6)
    bits = brute_force_bits(example.loaded, TEXT, 64, 32)
    assert theirs["bits_per_byte"] == pytest.approx(bits / len(TEXT.encode()), rel=1e-5)


def test_lm_eval_divides_wikitext_by_bytes_before_it_changes_the_text():
    page = " A range of 10 @-@ 12 , as it is . \n"
    detokenized = wikitext_detokenizer({"page": page})
    counted = process_results({"page": page}, (-1.0,))["bits_per_byte"]
    assert counted == (-1.0, len(page))
    assert len(detokenized) < len(page)


def test_lm_eval_reads_the_name_of_a_control_token_as_the_token():
    loaded = load_tiny()
    model = HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=1)
    assert model.tok_encode("a<eos>b").count(257) == 1
    assert 257 not in tokenize("a<eos>b", "text", loaded)


@pytest.mark.parametrize("bos", [None, 256])
def test_llama_cpp_scores_the_second_half_of_whole_chunks(bos):
    """Of 48 tokens in chunks of 15: three whole chunks, of each of which tokens 8 to 14 count."""
    loaded = load_tiny()
    tokens = np.array(list(range(60, 108)) if bos is None else list(range(60, 107)))
    read = tokens.tolist() if bos is None else [bos, *tokens.tolist()]
    expected = []
    for begin in (0, 15, 30):
        chunk = read[begin : begin + 15]
        expected += costs_of(loaded, chunk if bos is None else [bos, *chunk[1:]])[7:]
    found = score_chunks(loaded, llama_chunks(tokens, bos, 15))
    assert found == pytest.approx(np.array(expected), abs=1e-5)
    assert len(found) == 3 * 7


def test_llama_cpp_refuses_a_text_shorter_than_two_chunks():
    with pytest.raises(ValueError, match="needs 32 tokens, the text has 31"):
        llama_chunks(np.arange(31), None, 16)


def test_bits_per_byte_of_llama_cpp_are_its_perplexity_at_the_tokens_per_byte_of_the_text():
    row = Example.of(load_tiny(), TEXT).llama(None, 16)
    assert row["bits_per_byte"] == pytest.approx(math.log2(row["reported"]))  # a token is a byte
    assert row["scored"] == 3 * 7


def test_uncheatable_eval_puts_its_token_before_each_chunk():
    loaded, tokens = load_tiny(), np.arange(60, 82)
    listed = tokens.tolist()
    expected = costs_of(loaded, [256, *listed[:16]]) + costs_of(loaded, [256, *listed[16:]])
    found = score_chunks(loaded, uncheatable_chunks(tokens, 256, 16))
    assert found == pytest.approx(np.array(expected), abs=1e-5)


@pytest.mark.parametrize("size", [17, 22])
def test_uncheatable_eval_dropped_the_first_token_of_each_chunk(size):
    """In February 2025; a chunk of one token then cost nothing."""
    loaded, tokens = load_tiny(), np.arange(60, 60 + size)
    listed = tokens.tolist()
    expected = costs_of(loaded, listed[:16]) + costs_of(loaded, listed[16:])
    found = score_chunks(loaded, uncheatable_chunks(tokens, None, 16))
    assert found == pytest.approx(np.array(expected), abs=1e-5)
    assert len(found) == size - 2


def test_uncheatable_eval_rounds_each_chunk_to_eight_bits():
    loaded, tokens = load_tiny(), np.arange(60, 108)
    chunks = uncheatable_chunks(tokens, 256, 48)
    rounded, exact = sum_in_bfloat16(loaded, chunks), math.fsum(score_chunks(loaded, chunks))
    assert rounded == float(torch.tensor(rounded).bfloat16()) != exact
    assert rounded == pytest.approx(exact, rel=1e-2)


def test_the_rate_of_uncheatable_eval_is_a_share_of_eight_bits_in_per_cent():
    """Divided by all bytes, also where the first token of each chunk is not scored."""
    example = Example.of(load_tiny(), TEXT)
    n_bytes = len(TEXT.encode())
    exact, rounded = (example.uncheatable(256, 16, in_bfloat16=way) for way in (False, True))
    dropped = example.uncheatable(None, 16)
    for row, scored in ((exact, n_bytes), (rounded, n_bytes), (dropped, n_bytes - 4)):
        assert row["scored"] == scored
        assert row["reported"] == pytest.approx(row["bits_per_byte"] / 8 * 100)
    assert exact["bits_per_byte"] != rounded["bits_per_byte"]
    assert dropped["bits_per_byte"] * n_bytes * math.log(2) == pytest.approx(
        math.fsum(score_chunks(example.loaded, uncheatable_chunks(example.tokens, None, 16)))
    )


def test_the_table_is_of_the_versions_that_are_read_and_of_the_text():
    table, text = read_table(), read_text().encode()
    repair = "run python -m tests.conventions"
    assert table["sources"] == SOURCES, repair
    assert SOURCES["lm_eval"] == lm_eval.__version__
    assert table["sha256"] == hashlib.sha256(text).hexdigest(), repair
    assert table["bytes"] == len(text)


@pytest.mark.slow
def test_the_table_is_what_the_model_gives():
    """Every convention is worked through again; lm-eval's rows are also run by lm-eval."""
    loaded, llama_bos = load()
    example, table = Example.of(loaded, read_text()), read_table()
    assert (loaded.start.revision, len(example.tokens)) == (table["weights"], table["tokens"])
    rows = {row["name"]: row for row in work_through(example, llama_bos)}
    assert [*rows] == [row["name"] for row in table["conventions"]]
    for shown in table["conventions"]:
        row = rows[shown["name"]]
        # A sum that is rounded to eight bits may be rounded the other way elsewhere.
        tolerance = 1e-2 if shown["name"] == IN_BFLOAT16 else 1e-4
        for field, value in shown.items():
            close = pytest.approx(value, rel=tolerance) if isinstance(value, float) else value
            assert row[field] == close, (shown["name"], field)
    n_bytes = len(example.text.encode())
    for name, max_length in (("lm-eval", None), ("lm-eval, max_length=1024", 1024)):
        bits = run_lm_eval(loaded, example.text, max_length) / math.log(2)
        ours = rows[name]["bits_per_byte"] * n_bytes
        assert bits == pytest.approx(ours, abs=1e-4 * len(example.tokens))
