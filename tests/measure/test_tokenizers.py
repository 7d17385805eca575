"""Tokenizers and texts of every sort: the right number, or an error that says what is wrong."""

import math

import numpy as np
import pytest
from compression_leaderboard.measure.documents import (
    Document,
    control_tokens,
    encode_documents,
    find_token_ends,
    first_bytes,
    select_documents,
)
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.text import score_text
from compression_leaderboard.records.corpora import Source
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import one_in
from tests.factory import CORPUS
from tests.measure.test_lossless import PROTOCOL, TEXTS, brute_force_bits, score
from tests.tiny import (
    byte_tokenizer,
    fallback_tokenizer,
    load_tiny,
    lossy_tokenizer,
    merged_tokenizer,
    tiny_gemma2,
    tiny_gemma3,
    tiny_model,
)

ODD = {
    "byte order mark": "\ufeffThe text",
    "carriage returns": "one\r\ntwo\rthree\r\n",
    "NUL": "a\x00b\x00",
    "joined emoji": "👩‍👩‍👧‍👦 and 🏳️‍🌈!",
    "combining letters": "e\u0301 and n\u0303, o\u0308",
    "spaces at both ends": "  two   spaces  ",
    "one letter of four bytes": "🙂",
    "a special token's name": "a <eos> b <s> c",
    "a letter that a tokenizer spells": "Ġ is no space, ▁ is none either, <0x0A> no line end",
}


def left_padding():
    """A tokenizer that pads on the left, and whose file says that it pads and cuts every text."""
    tokenizer = byte_tokenizer()
    tokenizer.padding_side = "left"
    tokenizer.pad_token = "<eos>"
    tokenizer.backend_tokenizer.enable_padding(direction="left", length=40, pad_id=257)
    tokenizer.backend_tokenizer.enable_truncation(max_length=8)
    return tokenizer


CASES = {
    "left padding": lambda: load_tiny(left_padding()),
    "no BOS": lambda: load_tiny(byte_tokenizer(bos=False)),
    "no start token": lambda: load_tiny(byte_tokenizer(bos=False, eos=False)),
    "byte level with merges": lambda: load_tiny(merged_tokenizer(), tiny_model(300)),
    "byte fallback": lambda: load_tiny(fallback_tokenizer(), tiny_model(300)),
    "padded vocabulary": lambda: load_tiny(model=tiny_model(384)),
    "sliding window": lambda: load_tiny(model=tiny_gemma3()),
    "sliding window and bent logits": lambda: load_tiny(model=tiny_gemma2()),
}


@pytest.mark.parametrize("name", one_in(2, CASES))
def test_the_score_is_that_of_brute_force(name):
    """Texts of several lengths together, against one forward pass a token."""
    loaded = CASES[name]()
    found = score(TEXTS, loaded)
    assert [d.tokens for d in found.documents] == [len(loaded.tokenizer.tokenize(t)) for t in TEXTS]
    for document, text in zip(found.documents, TEXTS, strict=True):
        assert document.lossless
        assert document.bits == pytest.approx(brute_force_bits(loaded, text, 16, 8), rel=1e-5)


@pytest.mark.parametrize("tokenizer", [byte_tokenizer, merged_tokenizer, fallback_tokenizer])
@pytest.mark.parametrize("kind", one_in(3, ODD))
def test_an_odd_text_gets_the_right_number(kind, tokenizer):
    loaded = load_tiny(tokenizer(), tiny_model(300))
    found = score([ODD[kind]], loaded).documents[0]
    assert found.bytes == len(ODD[kind].encode())
    assert found.bits == pytest.approx(brute_force_bits(loaded, ODD[kind], 16, 8), rel=1e-5)


def test_a_text_that_is_not_given_back_is_scored_and_told_apart():
    """Lower-cased before it is split: fewer letters than the text has, and no byte positions."""
    found = score(["İstanbul"], load_tiny(lossy_tokenizer()))
    assert math.isfinite(found.bits_per_byte)
    assert found.failing_bytes == len("İstanbul".encode())


@pytest.mark.parametrize("text", ["\ud800", "a \udc80 b"])
def test_half_a_character_is_refused_by_name(text):
    with pytest.raises(MeasureError) as failure:
        score(["fine", text])
    assert failure.value.reason == "corpus"
    assert str(failure.value) == (
        f"d1: character {text.index(text.strip('a b'))} is a lone surrogate, not UTF-8 text; "
        "fix the document"
    )


def test_a_file_that_is_not_utf8_is_refused_at_its_byte():
    """A cut inside a character is no fault of the file; a wrong byte before it is."""
    assert first_bytes("ab🙂".encode(), 4) == "ab"
    for limit in (100, 6):
        with pytest.raises(UnicodeDecodeError) as failure:
            first_bytes(b"ab\xffcdefgh", limit)
        assert failure.value.start == 2


def test_a_corpus_with_such_a_file_names_it(tmp_path, monkeypatch):
    """The package's file and the place, as an error of the corpus."""
    (tmp_path / "odd_texts-1.0.dist-info").mkdir()
    (tmp_path / "odd_texts-1.0.dist-info/METADATA").write_text("Name: odd-texts\nVersion: 1.0\n")
    (tmp_path / "odd_texts-1.0.dist-info/RECORD").write_text("texts/a.txt,,\n")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").write_bytes(b"ab\xffcd")
    monkeypatch.syspath_prepend(tmp_path)
    source = Source(package="odd-texts==1.0", files="texts/*.txt")
    with pytest.raises(MeasureError) as failure:
        select_documents(CORPUS.model_copy(update={"source": source}))
    assert str(failure.value) == (
        "odd-texts==1.0: texts/a.txt: byte 2 is not UTF-8; leave the file out"
    )


def test_documents_of_one_token_are_scored():
    """Under BOS by the model, without any start token by log2 of the vocabulary."""
    assert score(["x"]).documents[0].bits == pytest.approx(
        brute_force_bits(load_tiny(), "x", 16, 8), rel=1e-5
    )
    uniform = load_tiny(byte_tokenizer(bos=False, eos=False))
    found = score(["x", "y"], uniform)
    assert found.bits_per_byte == pytest.approx(math.log2(264))
    assert sum(s.bits for s in found.stretches) == pytest.approx(2 * math.log2(264))


def test_an_empty_document_between_others_is_refused_by_name():
    with pytest.raises(MeasureError, match="d1 is empty; leave it out of the corpus"):
        score(["a", "", "b"])


@pytest.mark.parametrize("texts", [["a"], ["ab", "c"], ["short", "🙂"]])
def test_documents_shorter_than_the_longest_label_have_no_plane(texts):
    """Order 4 needs 8 tokens; the lossless side is there all the same."""
    documents = [Document(f"d{i}", text) for i, text in enumerate(texts)]
    protocol = PROTOCOL.model_copy(update={"max_order": 4, "positions": 1})
    lossless, lossy = score_text(load_tiny(), documents, protocol, lambda *_: None)
    assert lossy == "the text has fewer positions than the 1 of its protocol"
    assert math.isfinite(lossless.bits_per_byte)


@pytest.mark.parametrize("tokenizer", [byte_tokenizer, merged_tokenizer])
@pytest.mark.parametrize("kind", ODD)
def test_every_byte_of_byte_level_tokens_is_counted(kind, tokenizer):
    """A token may end inside a letter; the bytes up to there are all that it and others spell."""
    wrapped, text = tokenizer(), ODD[kind]
    tokens = np.array(wrapped.encode(text, add_special_tokens=False))
    ends = find_token_ends(text, tokens, wrapped)
    for index, end in enumerate(ends):
        said = wrapped.decode(tokens[: index + 1].tolist(), clean_up_tokenization_spaces=False)
        assert said == text.encode()[:end].decode(errors="replace")
    assert ends[-1] == len(text.encode())


FALLBACK = fallback_tokenizer()


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(alphabet="Zwölfat s.–🙂é\n\r\x00Ġ<0xA>", min_size=1, max_size=12).filter(
        lambda text: "<s>" not in text  # a token of its own, without a space in front
    )
)
def test_other_tokens_end_where_their_last_whole_letter_does(text):
    """A space is put in front, letters of two bytes are spelled as one, others as several tokens:
    lengths that add up by chance say nothing."""
    tokens = np.array(FALLBACK.encode(text, add_special_tokens=False))
    ends = find_token_ends(text, tokens, FALLBACK)
    pieces = FALLBACK.convert_ids_to_tokens(tokens.tolist())
    said = b""
    for piece, end in zip(pieces, ends, strict=True):
        spelled = piece.startswith("<0x") and piece.endswith(">")
        said += bytes([int(piece[3:5], 16)]) if spelled else piece.replace("▁", " ").encode()
        assert text.encode()[:end].decode() == said[1:].decode(errors="ignore")


def with_added(*tokens):
    """A byte-level tokenizer to whose finished vocabulary tokens were added."""
    tokenizer = byte_tokenizer()
    tokenizer.add_tokens(list(tokens))
    return tokenizer


@pytest.mark.parametrize("tokenizer", [byte_tokenizer, merged_tokenizer, fallback_tokenizer])
def test_names_of_control_tokens_are_characters(tokenizer):
    """Invariant 7: no id of a control token in the text, and the text comes back."""
    loaded = load_tiny(tokenizer(), tiny_model(300))
    name = loaded.tokenizer.eos_token or loaded.tokenizer.bos_token
    (encoded,) = encode_documents([Document("d", f"the {name} text")], loaded)
    assert not control_tokens(loaded.tokenizer) & set(encoded.tokens.tolist())
    assert len(encoded.tokens) > len(loaded.tokenizer.tokenize(f"the {name} text"))
    assert encoded.lossless or tokenizer is fallback_tokenizer  # which lacks < and >


def test_a_control_token_that_remains_makes_the_document_one_that_does_not_come_back():
    """Markers that a tokenizer adds without declaring them special cannot be split."""
    loaded = load_tiny(with_added("<tool_call>"), tiny_model(300))
    found = score(["call <tool_call> now", "call it now"], loaded)
    assert [d.lossless for d in found.documents] == [False, True]
    assert found.failing_bytes == len("call <tool_call> now")


def test_added_words_and_spaces_are_text():
    """Runs of spaces, as of Pythia, and words of a trade are vocabulary like any other."""
    loaded = load_tiny(with_added("    ", "\n\n", "immunoglobulin"), tiny_model(300))
    found = score(["if a:\n\n    immunoglobulin"], loaded)
    assert found.failing_bytes == 0
    assert found.documents[0].tokens < len("if a:\n\n    immunoglobulin")
