"""Answer lm-eval's requests with the scorer's own forward pass, in memory that does not grow.

lm-eval makes the logits of whole requests, twice: 16 requests of 1,000 tokens under a vocabulary of
262,144 words take 34 GB in float32. Here they are made where a token is scored alone, for some rows
at a time, as for a text, and the softmax is in float32 whatever the number format of the model.
Requests of one length are read together, without padding, as windows of a text are.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import normalize_gen_kwargs

from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.text import Head
from compression_leaderboard.measure.weights import Loaded
from compression_leaderboard.plan.estimates import BATCH_TOKENS
from compression_leaderboard.records.results import Part

ALL_AT_ONCE = 1 << 30  # requests that lm-eval hands over together; they are cut into batches here

Answer = tuple[float, bool]  # log-likelihood in nats, whether greedy decoding gives the same


class AnsweringModel(HFLM):  # type: ignore[misc]  # lm-eval has no types
    """lm-eval's model without its progress bars, which may answer for a part of the items only."""

    def __init__(self, loaded: Loaded):
        super().__init__(
            pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=ALL_AT_ONCE
        )
        self._device = loaded.device  # lm-eval's may be that of weights on a disk
        self.head = Head(loaded.model)
        self.batch_tokens = BATCH_TOKENS // loaded.batch_divisor
        self.part: Part | None = None
        # Items by task; answers are not generated.
        self.sample: Mapping[str, Sequence[int]] | None = None

    def loglikelihood(self, requests: Any, disable_tqdm: bool = True) -> Any:
        """Answer (0, False) for other items, which are left out of what is read.

        All requests are made, so that an item has the same prompt as in a whole run.
        """
        mine = requests
        if self.part is not None:
            mine = _requests_of(self.part, requests)
        elif self.sample is not None:
            mine = [r for r in requests if r.doc_id in self.sample.get(r.task_name, ())]
        answers = super().loglikelihood(mine, disable_tqdm=True) if mine else []
        known = {id(request): answer for request, answer in zip(mine, answers, strict=True)}
        return [known.get(id(request), (0.0, False)) for request in requests]

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = True) -> Any:
        if self.sample is not None:
            return [0.0] * len(requests)
        self.batch_size_per_gpu = ALL_AT_ONCE
        return super().loglikelihood_rolling(requests, disable_tqdm=True)

    def _loglikelihood_tokens(
        self,
        requests: Sequence[tuple[Any, list[int], list[int]]],
        disable_tqdm: bool = True,
        override_bs: int | None = None,
    ) -> list[Answer]:
        """Score each continuation behind its context; what is read alike is read once.

        What exceeds the model's context is cut off in front, as lm-eval does.
        """
        numbers: dict[tuple[int, ...], list[int]] = defaultdict(list)  # by what the model reads
        for number, (_, context, continuation) in enumerate(requests):
            if not 0 < len(continuation) <= self.max_length:
                wrong = f"a continuation has {len(continuation)} tokens"
                repair = f"choose a task whose continuations have 1 to {self.max_length}"
                raise MeasureError("context", f"{wrong}; {repair}")
            read = tuple((context + continuation)[-self.max_length - 1 : -1])
            numbers[read].append(number)
        answers: dict[int, Answer] = {}
        left = sorted(numbers, key=lambda read: (-len(read), read))  # memory fails early
        while left:
            length = len(left[0])
            batch = [read for read in left[: self._batch(length)] if len(read) == length]
            left = left[len(batch) :]
            order = [number for read in batch for number in numbers[read]]
            with torch.inference_mode():
                last, _ = self.head.run(torch.tensor(batch), keep_states=False)
                states = [last[k] for k, read in enumerate(batch) for _ in numbers[read]]
                scored = self._score(states, [requests[number][2] for number in order])
            answers.update(zip(order, scored, strict=True))
        return [answers[number] for number in range(len(requests))]

    def _batch(self, tokens: int) -> int:
        """Return how many requests of so many tokens are read together."""
        return max(1, self.batch_tokens // max(tokens, 1))

    def _score(
        self, states: Sequence[torch.Tensor], continuations: Sequence[list[int]]
    ) -> list[Answer]:
        """Score continuations that end where their states do, (T, D) each."""
        ending = zip(states, continuations, strict=True)
        rows = torch.cat([layer[len(layer) - len(tokens) :] for layer, tokens in ending])
        targets = torch.tensor([token for tokens in continuations for token in tokens])
        nats, first = self.head.answers(rows, targets)
        ends = np.cumsum([len(tokens) for tokens in continuations])[:-1]
        return [
            (-float(costs.sum()), bool(greedy.all()))
            for costs, greedy in zip(np.split(nats, ends), np.split(first, ends), strict=True)
        ]

    def generate_until(self, requests: Any, disable_tqdm: bool = True) -> Any:
        """Generate answers; prompts of one length are read together."""
        if self.sample is not None:
            return [""] * len(requests)
        groups: dict[tuple[int, int], list[Any]] = defaultdict(list)
        for request in requests:
            prompt, options = request.args
            longest = normalize_gen_kwargs(options, self.max_gen_toks)["max_gen_toks"]
            groups[len(self.tok_encode(prompt)), longest].append(request)
        answers: dict[int, str] = {}
        with self.head.making_last_logits():
            for (tokens, longest), group in sorted(groups.items(), reverse=True):
                self.batch_size_per_gpu = self._batch(min(tokens, self.max_length) + longest)
                texts = super().generate_until(group, disable_tqdm=True)
                answers.update(zip(map(id, group), texts, strict=True))
        return [answers[id(request)] for request in requests]


def _requests_of(part: Part, requests: Sequence[Any]) -> list[Any]:
    """Select the requests of a part's items; items of a task are numbered from 0."""
    totals: dict[str, int] = {}
    for request in requests:
        totals[request.task_name] = max(totals.get(request.task_name, 0), request.doc_id + 1)
    return [r for r in requests if r.doc_id in part.items_of(totals[r.task_name])]
