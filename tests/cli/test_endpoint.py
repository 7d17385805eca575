"""`leaderboard score --endpoint`: a server that speaks vLLM's protocol, and some that lie."""

import http.server
import json
import threading
from typing import Any

import pytest
import torch
from compression_leaderboard.measure.documents import Document
from compression_leaderboard.measure.text import score_documents

from tests.commands import invoke
from tests.tiny import byte_tokenizer, load_tiny, lossy_tokenizer, tiny_model

TEXTS = ("Short.", "A text that is longer than one window of thirty-two tokens. " * 3, "ünï 🙂")


class Server:
    """A tiny model behind /tokenize, /detokenize and /v1/completions, as vLLM answers them.

    bend: changes an answer before it is sent.
    """

    def __init__(self, bend=lambda path, answer: answer, tokenizer=None, longest=64):
        self.model, self.tokenizer = tiny_model(), tokenizer or byte_tokenizer()
        self.bend, self.longest = bend, longest
        self.asked: list[tuple[str, dict[str, Any]]] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_POST(self):
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append((self.path, content))
                answer = server.bend(self.path, server.answer(self.path, content))
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, path, content):
        if path == "/tokenize":
            tokens = self.tokenizer.encode(content["prompt"], add_special_tokens=False)
            if content["add_special_tokens"]:
                tokens = [self.tokenizer.bos_token_id, *tokens]
            return {"tokens": tokens, "count": len(tokens), "max_model_len": self.longest}
        if path == "/detokenize":
            return {"prompt": self.tokenizer.decode(content["tokens"])}
        ids = content["prompt"]
        assert len(ids) + content["max_tokens"] <= self.longest
        with torch.inference_mode():
            found = self.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        held: list[dict[str, Any] | None] = [None]
        for k, token in enumerate(ids[1:]):
            entry = {"logprob": found[k, token].item(), "rank": 1, "decoded_token": "?"}
            held.append({str(token): entry})
        return {"choices": [{"text": "", "prompt_logprobs": held}]}


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for k, text in enumerate(TEXTS):
        (folder / f"{k}.txt").write_text(text)
    return folder


def score(root, texts, *options):
    return invoke(
        root, "score", "--text", str(texts), "--window", "32", "--no-compressors", *options
    )


def bits_of(result):
    return [one["bits_per_byte"] for one in json.loads(result.stdout)["summary"]["rates"]]


def test_an_endpoint_gives_the_bits_that_the_weights_give_here(tmp_path, texts):
    """Behind the server's start token in the first window, which is no choice: without a header."""
    server = Server()
    served = score(tmp_path, texts, "--endpoint", server.url, "--model", "tiny", "--json")
    documents = [Document(str(k), text) for k, text in enumerate(TEXTS)]
    here = score_documents(load_tiny(), documents, 32, 16)
    assert bits_of(served) == pytest.approx([here.bits_per_byte], rel=1e-5)
    assert json.loads(served.stdout)["endpoint"] == server.url
    asked = len(server.asked)
    score(tmp_path, texts, "--endpoint", f"{server.url}", "--model", "tiny")
    assert len(server.asked) == asked + 1  # what it reads, and nothing of the text again
    page = tmp_path / "report.html"
    score(tmp_path, texts, "--endpoint", server.url, "--model", "tiny", "--report", str(page))
    assert "Nothing of it left this machine" not in page.read_text("utf-8")


def test_a_tokenizer_that_loses_text_is_seen_at_an_endpoint_too(tmp_path, texts):
    server = Server(tokenizer=lossy_tokenizer())
    result = score(tmp_path, texts, "--endpoint", server.url, "--model", "tiny")
    assert "not comparable, its tokenizer loses part of" in result.stdout


def bend_completion(change):
    def bend(path, answer):
        if path == "/v1/completions":
            change(answer["choices"][0])
        return answer

    return bend


def no_start(path, answer):
    if path == "/tokenize" and answer["tokens"] == [256]:
        return answer | {"tokens": []}
    return answer


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ({"bend": no_start}, "puts no token before a text, so the first has no probability"),
        ({"longest": 33}, "reads 33 tokens; a window of 32 needs 34; pass a shorter --window"),
        (
            {"bend": bend_completion(lambda c: c.update(prompt_logprobs=None))},
            "gives no log-probability of every token of the text; serve it with vLLM",
        ),
        (
            {"bend": bend_completion(lambda c: c["prompt_logprobs"].pop())},
            "gives no log-probability of every token of the text",
        ),
        (
            {
                "bend": bend_completion(
                    lambda c: c["prompt_logprobs"].__setitem__(1, {"0": {"logprob": 0}})
                )
            },
            "gives no log-probability of every token of the text",
        ),
        (
            {
                "bend": bend_completion(
                    lambda c: [
                        e and next(iter(e.values())).update(logprob=0.5)
                        for e in c["prompt_logprobs"]
                    ]
                )
            },
            "are no logarithms of probabilities",
        ),
        ({"bend": lambda path, answer: {"error": "no"}}, "/tokenize gave no list of tokens"),
    ],
)
def test_an_endpoint_that_promises_less_is_refused(tmp_path, texts, server, problem):
    result = score(tmp_path, texts, "--endpoint", Server(**server).url, "--model", "tiny")
    (shown,) = result.exception.problems
    assert problem in shown
    assert "\n" not in shown


def test_a_start_token_can_be_named(tmp_path, texts):
    own = bits_of(score(tmp_path, texts, "--endpoint", Server().url, "--model", "tiny", "--json"))
    options = ("--endpoint", Server(no_start).url, "--model", "tiny", "--start-token", "256")
    assert bits_of(score(tmp_path, texts, *options, "--json")) == pytest.approx(own)


def test_a_server_that_is_not_there_is_one_line(tmp_path, texts):
    result = score(tmp_path, texts, "--endpoint", "http://127.0.0.1:9", "--model", "tiny")
    assert "gave no answer" in result.exception.problems[0]
    result = score(tmp_path, texts, "--endpoint", "127.0.0.1", "--model", "tiny")
    assert "is not an address; write http://host:port" in result.exception.problems[0]
