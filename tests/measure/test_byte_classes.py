"""Every byte is in one class, and the bits of a document are divided without a remainder."""

import json
import keyword
import math

import numpy as np
import pytest
from compression_leaderboard.measure.classify import (
    KEYWORDS,
    classify_bytes,
    divide_bits,
    find_urls,
)
from compression_leaderboard.measure.documents import Document
from compression_leaderboard.measure.text import score_text
from compression_leaderboard.records.byte_classes import BYTE_CLASSES
from compression_leaderboard.records.results import Lossless
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.measure.test_lossless import PROTOCOL
from tests.tiny import byte_tokenizer, fallback_tokenizer, load_tiny, lossy_tokenizer, tiny_model

IN = ("in", "keywords")
TEXTS = st.text(min_size=1)


def classes_of(text: str, domain: str = "") -> list[tuple[str, str]]:
    """Runs of bytes of one class with their class."""
    runs: list[tuple[bytes, str]] = []
    for byte, place in zip(text.encode(), classify_bytes(text, domain).tolist(), strict=True):
        name = BYTE_CLASSES[place]
        if runs and runs[-1][1] == name:
            runs[-1] = (runs[-1][0] + bytes([byte]), name)
        else:
            runs.append((bytes([byte]), name))
    return [(run.decode(errors="backslashreplace"), name) for run, name in runs]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Ab 12,",
            [("Ab", "letters"), (" ", "whitespace"), ("12", "digits"), (",", "punctuation")],
        ),
        ("\t\r\n\v\f", [("\t\r\n\v\f", "whitespace")]),
        ("\0\x1c\x7f", [("\0\x1c\x7f", "control")]),
        ("$+<=>^`|~_", [("$+<=>^`|~_", "punctuation")]),
        ("naïve", [("na", "letters"), ("ï", "Latin"), ("ve", "letters")]),
        ("漢字かなカナ", [("漢字", "Han"), ("かな", "Hiragana"), ("カナ", "Katakana")]),
        ("한국", [("한국", "Hangul")]),
        ("مرحبا ١٢", [("مرحبا", "Arabic"), (" ", "whitespace"), ("١٢", "Arabic")]),
        ("שלום\u200f!", [("שלום", "Hebrew"), ("\u200f", "Common"), ("!", "punctuation")]),
        ("३१", [("३१", "Devanagari")]),
        ("１２", [("１２", "Common")]),
        ("\ufeff“—”€\u00a0\u3000", [("\ufeff“—”€\u00a0\u3000", "Common")]),
        ("🙂", [("🙂", "Common")]),
        ("👩\u200d🚀✌\ufe0f", [("👩\u200d🚀✌\ufe0f", "Common")]),  # joiner and selector
        ("1\ufe0f\u20e3", [("1", "digits"), ("\ufe0f\u20e3", "Common")]),  # a keycap
        ("e\u0301", [("e", "letters"), ("\u0301", "Latin")]),
        ("й\u0301\u0308", [("й\u0301\u0308", "Cyrillic")]),
        ("\u0301", [("\u0301", "Common")]),  # nothing before it
        ("\n\u0301", [("\n", "whitespace"), ("\u0301", "Common")]),
        ("Ꮳ\ue000\u0378", [("Ꮳ\ue000\u0378", "other")]),  # Cherokee, private, unassigned
    ],
)
def test_characters_have_the_class_of_their_kind_or_script(text, expected):
    assert classes_of(text) == expected


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("See https://example.com/a.", ["https://example.com/a"]),
        ("(http://example.com), then", ["http://example.com"]),
        (
            "https://en.wikipedia.org/wiki/A_(b)?c=1#d!",
            ["https://en.wikipedia.org/wiki/A_(b)?c=1#d"],
        ),
        ("[a](http://a.example)[b](ftp://b.example/)", ["http://a.example", "ftp://b.example/"]),
        ("**HTTPS://A.EXAMPLE**", ["HTTPS://A.EXAMPLE"]),
        ("请看https://example.com。再看", ["https://example.com"]),
        ("['http://a.example','b']", ["http://a.example"]),
        ("http://[::1]:80/x", ["http://[::1]:80/x"]),
        ("www.example.com", ["www.example.com"]),
        ("http:// and https://, awww.b, xhttp://a", []),
    ],
)
def test_a_url_ends_where_its_sentence_goes_on(text, urls):
    assert [text[begin:end] for begin, end in find_urls(text)] == urls
    assert [run for run, name in classes_of(text) if name == "urls"] == urls


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("for form", [("for", "keywords"), (" ", "whitespace"), ("form", "identifiers")]),
        ("if_1=x2", [("if_1", "identifiers"), ("=", "punctuation"), ("x2", "identifiers")]),
        ("größe", [("größe", "identifiers")]),
        ("e\u0301x", [("e\u0301x", "identifiers")]),
        ("1e5", [("1", "digits"), ("e", "letters"), ("5", "digits")]),
        ("match", [("match", "identifiers")]),
        ("#if é", [("#", "punctuation"), ("if", "letters"), (" ", "whitespace"), ("é", "Latin")]),
        (
            "rb'if'in",
            [("rb", "letters"), ("'", "punctuation"), ("if", "letters"), ("'", "punctuation"), IN],
        ),
        (
            '"\\"if"in',
            [('"\\"', "punctuation"), ("if", "letters"), ('"', "punctuation"), IN],
        ),
        (
            "'''if\n'as'''in",
            [
                ("'''", "punctuation"),
                ("if", "letters"),
                ("\n", "whitespace"),
                ("'", "punctuation"),
                ("as", "letters"),
                ("'''", "punctuation"),
                IN,
            ],
        ),
        (
            "'as\nin",
            [("'", "punctuation"), ("as", "letters"), ("\n", "whitespace"), IN],
        ),
        ('""in', [('""', "punctuation"), IN]),
    ],
)
def test_words_of_python_are_keywords_or_identifiers_outside_strings_and_comments(code, expected):
    assert classes_of(code, "Python code") == expected


def test_only_the_domain_makes_a_text_code():
    assert classes_of("for") == classes_of("for", "English prose") == [("for", "letters")]
    assert classes_of("for", "python CODE") == [("for", "keywords")]
    assert set(keyword.kwlist) == KEYWORDS


@given(TEXTS, st.sampled_from(["", "Python code"]))
@example("\u0301", "")
@example("'\\", "Python code")
def test_every_byte_is_in_exactly_one_class(text, domain):
    classes = classify_bytes(text, domain)
    assert len(classes) == len(text.encode())
    assert all(0 <= place < BYTE_CLASSES.index("start") for place in classes.tolist())
    # All bytes of a character share a class.
    lengths = [len(character.encode()) for character in text]
    for part in np.split(classes, np.cumsum(lengths)[:-1]):
        assert len(set(part.tolist())) == 1


@given(
    text=TEXTS,
    cuts=st.lists(st.floats(0, 1), max_size=30),
    costs=st.lists(st.floats(0, 1e4), min_size=31, max_size=31),
    start=st.sampled_from([0.0, math.log2(5), 18.0]),
)
def test_the_classes_of_any_tokens_sum_to_the_bits_exactly(text, cuts, costs, start):
    size = len(text.encode())
    ends = [*sorted(round(cut * size) for cut in cuts), size]
    bits = costs[: len(ends)]
    total = start + sum(bits)
    divided = divide_bits(classify_bytes(text), np.array(ends), np.array(bits), start, total)
    assert math.fsum(divided) == total
    assert (divided >= 0).all()
    assert divided[BYTE_CLASSES.index("start")] == pytest.approx(start)


def test_bits_too_few_to_divide_are_kept():
    """The smallest number there is has no half."""
    assert sum(divided("ab", [2], [5e-324]).values()) == 5e-324


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=len(BYTE_CLASSES) - 1))
def test_a_sum_is_exact_also_half_a_unit_from_a_number(parts):
    """What is left over may be smaller than the largest class can take."""
    classes, ends = np.arange(len(parts)), np.arange(1, len(parts) + 1)
    for total in (sum(parts), float(np.nextafter(sum(parts), np.inf))):
        divided = divide_bits(classes, ends, np.array(parts), 0.0, total)
        assert math.fsum(divided) == total


def divided(text: str, ends: list[int], bits: list[float], start: float = 0.0) -> dict[str, float]:
    found = divide_bits(
        classify_bytes(text), np.array(ends), np.array(bits), start, start + sum(bits)
    )
    return {name: value for name, value in zip(BYTE_CLASSES, found, strict=True) if value}


def test_a_token_spreads_its_bits_evenly_over_its_bytes():
    assert divided("a b.", [1, 3, 4], [3, 4, 5]) == {
        "letters": 3 + 2,
        "whitespace": 2,
        "punctuation": 5,
    }
    assert divided("a", [1], [0], start=18) == {"start": 18}


def test_a_token_without_bytes_shares_those_of_the_next():
    """Bytes that spell one character, as tokenizers with byte fallback make them."""
    assert divided("a🙂b", [1, 1, 1, 1, 5, 6, 6], [1, 2, 3, 4, 5, 6, 7]) == {
        "letters": 1 + 6 + 7,
        "Common": 2 + 3 + 4 + 5,
    }
    assert divided("ab", [0, 1, 2], [1, 2, 3]) == {"letters": 6}


def test_tokens_of_another_text_are_refused():
    for ends, total in (([1, 2], 2.0), ([2, 1, 3], 3.0), ([3], 2.0)):
        with pytest.raises(ValueError, match="divide_bits"):
            divide_bits(classify_bytes("abc"), np.array(ends), np.ones(len(ends)), 0.0, total)


def scored(texts: list[str], tokenizer, domain: str = "") -> Lossless:
    documents = [Document(f"d{k}", text, domain) for k, text in enumerate(texts)]
    return score_text(load_tiny(tokenizer), documents, PROTOCOL, lambda *_: None)[0]


@settings(max_examples=10, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), st.booleans(), st.booleans())
def test_classes_of_scored_documents_sum_to_their_bits(texts, has_bos, has_eos):
    found = scored(texts, byte_tokenizer(has_bos, has_eos))
    for document in found.documents:
        assert math.fsum(document.class_bits) == document.bits
        assert sum(document.class_bytes) == document.bytes
    assert ("start" in found.classes) == (not has_bos and not has_eos)


def test_a_first_token_without_context_is_a_class_without_bytes():
    found = scored(["ab", "c"], byte_tokenizer(bos=False, eos=False))
    assert found.classes == ("letters", "start")
    for document in found.documents:
        assert document.class_bytes[1] == 0
        assert document.class_bits[1] == pytest.approx(math.log2(264))


def test_a_document_that_does_not_come_back_has_no_classes():
    """Where a token's bytes are a guess there are none; other documents keep theirs."""
    found = scored(["lower.", "Upper 1"], lossy_tokenizer())
    assert found.classes == ("letters", "punctuation")
    assert found.documents[0].class_bytes == (5, 1)
    assert (found.documents[1].class_bytes, found.documents[1].class_bits) == (None, None)
    nothing = scored(["Upper"], lossy_tokenizer())
    assert (nothing.classes, nothing.documents[0].class_bits) == (None, None)


def test_bytes_that_spell_a_character_are_one_character():
    documents = [Document("d", "Zwölf 🙂")]
    loaded = load_tiny(fallback_tokenizer(), tiny_model(300))
    found = score_text(loaded, documents, PROTOCOL, lambda *_: None)[0]
    assert found.classes == ("letters", "whitespace", "Latin", "Common")
    assert found.documents[0].class_bytes == (4, 1, 2, 4)
    assert math.fsum(found.documents[0].class_bits) == found.documents[0].bits


def test_a_corpus_of_code_has_keywords():
    found = scored(["for x in y:"], byte_tokenizer(), "Python code")
    assert found.classes == ("whitespace", "punctuation", "identifiers", "keywords")
    assert found.documents[0].class_bytes == (3, 1, 2, 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_bits": None}, "has bytes or bits by class, not both"),
        ({"class_bytes": (1,)}, "1 number for 2 classes"),
    ],
)
def test_a_record_without_a_number_for_a_class_is_refused(change, message):
    content = json.loads(scored(["a.", "b."], byte_tokenizer()).model_dump_json())
    content["documents"][1].update(change)
    with pytest.raises(ValidationError, match=message):
        Lossless.model_validate_json(json.dumps(content))
