"""Repositories with anything in them: whole ones in form, with extreme numbers, odd texts, and
parts that contradict each other; and pull requests of any bytes.
"""

import copy
import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

from compression_leaderboard.exchange.every_eval_ever import import_every_eval_ever
from compression_leaderboard.exchange.lm_eval import import_lm_eval
from compression_leaderboard.exchange.strict_json import IntakeError
from compression_leaderboard.repository.contents import COLUMNS, LEDGER
from compression_leaderboard.repository.results import IMPORTED, record_text
from hypothesis import strategies as st

from tests import factory
from tests.fuzz.records import (
    classical_records,
    model_file,
    placed,
    plain,
    records_of,
)
from tests.fuzz.values import (
    DAYS,
    EVER,
    ODD_TASKS,
    ROOMS,
    Content,
    Draw,
    Palette,
    counts,
    edit,
    fractions,
    lengths,
    names,
    often,
    seldom,
    several,
    sizes,
    texts,
    toml,
)
from tests.result_files import exchange_file, new_file, old_file


@st.composite
def corpora(draw: Draw, name: str) -> Content:
    sized = draw(several(lengths, draw(st.sampled_from([1, 2, 3, 24]))))
    seeds = draw(st.sampled_from([[0], [0, 1], [5, 3, 9]]))
    window = draw(st.sampled_from([2, 16, 16, 10**15 - 1]))
    protocol = {
        "documents": len(sized),
        "document_bytes": max(sized),
        "window_tokens": window,
        "stride_tokens": draw(st.sampled_from([1, window])),
        "positions": draw(counts),
        "max_order": draw(st.sampled_from([1, 1, 2])),
        "byte_orders": draw(st.sampled_from([[], [], [1, 8]])),
        "anchor_seeds": seeds,
    }
    own = {"name": name, "title": draw(names), "domain": draw(names), "licence": draw(names)}
    days = sorted(draw(several(st.sampled_from([*DAYS, *EVER[:-1]]), 2)))
    dated = {"begins": days[0], "ends": days[1], "note": draw(st.none() | texts)}
    scored = {"bytes": sum(sized), "protocol": protocol}
    return {**plain(factory.CORPUS), **own, **dated, **scored, "_lengths": sized}


@st.composite
def suites(draw: Draw, name: str) -> Content:
    tasks = [
        {
            **plain(factory.TASK),
            "task": task,
            "label": draw(names),
            "category": draw(names),
            "metric": draw(st.sampled_from(["acc", "acc", "acc_norm", "", "x"])),
            **dict(zip(("chance", "ceiling"), draw(ROOMS), strict=True)),
            "limit": draw(st.sampled_from([None, None, 4])),
            "_grouped": draw(seldom),
        }
        for task in draw(st.lists(ODD_TASKS, min_size=1, max_size=3, unique=True))
    ]
    about = {"title": draw(names), "description": draw(names), "public": draw(st.booleans())}
    return {"name": name, **about, "tasks": tasks, "_items": draw(st.sampled_from([1, 2, 4]))}


@st.composite
def models(draw: Draw, name: str, asked: dict[str, list[str]], pool: list[str]) -> Content:
    weights = {"path": "weights", "revision": factory.REVISION}
    if draw(seldom):
        weights["quantization"] = draw(st.sampled_from(["Q4_1", "q4_1", "8bit"]))
    model = {
        **plain(factory.make_model(name)),
        **asked,
        "family": draw(st.sampled_from(pool)),
        "kind": draw(st.sampled_from(["base", "base", "base", "instruct"])),
        "parameters": draw(counts),
        "training_tokens": draw(st.none() | counts),
        "released": draw(st.sampled_from(DAYS + EVER[:-1])),
        "licence": draw(st.sampled_from(["MIT", "other", "x" * 100])),
        "note": draw(st.none() | texts),
        "weights": weights,
    }
    if draw(seldom):
        seen = draw(st.lists(sizes, min_size=1, max_size=2))
        model["checkpoints"] = [
            {"revision": f"sha256-{k:040}", "tokens_seen": tokens, "path": "early"}
            for k, tokens in enumerate(seen)
        ]
    return model


@dataclass
class Repository:
    """What is written: content by path, and records whose path follows from their content."""

    files: dict[str, bytes] = field(default_factory=dict)
    records: list[Content] = field(default_factory=list)

    def write(self, root: Path) -> None:
        for path, content in [*self.files.items(), *map(placed, self.records)]:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)


@st.composite
def repositories(draw: Draw, edited: bool = True) -> Repository:
    """A repository in which, if edited, anything may be wrong in a few places."""
    made, palette = Repository(), Palette(draw)
    names_of = st.lists(
        st.sampled_from(["prose", "score", "parameters", "mean_score", "1", "a.b"]),
        min_size=1,
        max_size=2,
        unique=True,
    )
    texts_asked = [draw(corpora(name)) for name in draw(names_of)]
    suites_asked = [draw(suites(name)) for name in draw(names_of)]
    pairs = plain(factory.PAIRS)
    pool = draw(st.sampled_from([["a"], ["a", "A"], ["a b", "=1", "\u0430", "b", "c"]]))
    asked = {
        "corpora": [c["name"] for c in texts_asked] + ["pairs"],
        "suites": [s["name"] for s in suites_asked],
    }
    is_full = draw(st.booleans())
    every = ["org/small", "org/small-2", "other/small", "org/s_m", "a/b", "org/index"]
    every += [f"a/c{k}" for k in range(6)]
    present = [
        draw(models(name, asked, pool))
        for name in every[: draw(st.sampled_from([12, 12] if is_full else [0, 1, 2, 3, 3, 5]))]
    ]
    jobs: list[tuple[str, Content]] = [("corpus", c) for c in [*texts_asked, pairs]]
    jobs += [("suite", s) for s in suites_asked]
    for model in present:
        listed = jobs + ([("proof", texts_asked[0])] if draw(seldom) else [])
        if not is_full:
            listed = [job for job in listed if draw(often)]
        made.records += records_of(draw, palette, model, listed)
    made.records += [classical_records(palette, c) for c in texts_asked if draw(st.booleans())]
    specs = {f"runs/models/{model_file(m)}.toml": m for m in present}
    specs |= {f"runs/corpora/{c['name']}.toml": c for c in [*texts_asked, pairs]}
    specs |= {f"runs/suites/{s['name']}.toml": s for s in suites_asked}
    if edited and draw(seldom):
        edit(draw, draw(st.sampled_from(list(specs.values()))))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3])) if edited and made.records else 0):
        number = draw(st.integers(0, len(made.records) - 1))
        made.records[number] = copy.deepcopy(made.records[number])  # its spec stays as it is
        edit(draw, made.records[number])
    made.files = {path: toml(spec).encode("utf-8", "surrogatepass") for path, spec in specs.items()}
    made.files["runs/preferences/pairs.jsonl"] = factory.PAIR_LINES.encode()
    if draw(st.booleans()):
        made.files |= draw(published_tables(edited))
    made.files |= draw(imported_files()) if draw(st.booleans()) else {}
    if draw(seldom):
        made.files[LEDGER] = draw(ledgers(present))
    return made


@st.composite
def published_tables(draw: Draw, edited: bool) -> dict[str, bytes]:
    bits, quizzes = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    source = {
        "format": 1,
        "name": "paper",
        "title": draw(names),
        "comparable_with": draw(names),
        "collected": draw(st.sampled_from(DAYS + EVER[:-1])),
        "key": "model",
        "group": "family",
        "citations": [
            {"text": draw(names), "url": "https://a.example", "licence": "MIT", "figures": ""}
        ],
        "parameters": draw(st.sampled_from([None, "size"])),
        "training_tokens": draw(st.sampled_from([None, "size"])),
        "split": draw(st.sampled_from(["leave-one-group-out", "small-to-large"])),
        "compression": [
            {
                "column": f"bits{k}",
                "label": draw(names),
                "unit": draw(names),
                "higher_is_better": draw(st.booleans()),
            }
            for k in range(bits)
        ],
        "scores": [
            {
                "column": f"quiz{k}",
                "label": draw(names),
                "metric": draw(texts),
                **dict(zip(("chance", "ceiling"), draw(ROOMS), strict=True)),
                "items": draw(st.none() | counts),
            }
            for k in range(quizzes)
        ],
    }
    source = {key: value for key, value in source.items() if value is not None}
    columns = {
        "size": st.sampled_from(["1", "1e9", "7", "70", "100", "", "9223372036854774784"]),
        **{
            f"bits{k}": st.sampled_from(["0.5", "1e-300", "999", "1", "0.7", ""])
            for k in range(bits)
        },
        **{
            f"quiz{k}": st.sampled_from(["0", "1", "0.5", "0.25", "", "1e-9"])
            for k in range(quizzes)
        },
    }
    if is_noisy := draw(st.booleans()):  # a line, which can be fitted
        columns["bits0"] = st.sampled_from([f"{1 + k / 10}" for k in range(30)])
        columns["quiz0"] = st.sampled_from([f"{k / 40}" for k in range(41)])
    rows = draw(st.sampled_from([0, 1, 5, 8, 12, 14, 14]))
    keys = draw(st.lists(names, min_size=rows, max_size=rows, unique=True))
    families = draw(st.lists(st.sampled_from("abcdef"), min_size=rows, max_size=rows))
    cells = [draw(several(values, rows)) for values in columns.values()]
    for name in ("bits0", "quiz0") if is_noisy else ():
        cells[[*columns].index(name)] = draw(st.lists(columns[name], min_size=rows, max_size=rows))
    if edited and draw(seldom):
        edit(draw, source)
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(["model", "family", *columns])
    writer.writerows(zip(keys, families, *cells, strict=True))
    folder = "results/published/paper"
    return {
        f"{folder}/source.toml": toml(source).encode("utf-8", "surrogatepass"),
        f"{folder}/table.csv": table.getvalue().encode("utf-8", "surrogatepass"),
    }


@st.composite
def imported_files(draw: Draw) -> dict[str, bytes]:
    """Result files of others, imported as `leaderboard import` does."""
    files = {}
    for number in range(draw(st.integers(1, 3))):
        make, parse = draw(
            st.sampled_from(
                [
                    (old_file, import_lm_eval),
                    (new_file, import_lm_eval),
                    (exchange_file, import_every_eval_ever),
                ]
            )
        )
        document = make()
        for _ in range(draw(st.integers(0, 4))):
            edit(draw, document)
        try:
            record = parse(f"{number}.json", json.dumps(document).encode(), "org/small")
        except IntakeError:
            continue
        files[f"{IMPORTED}/{record.file}"] = record_text(record).encode()
    return files


@st.composite
def ledgers(draw: Draw, present: list[Content]) -> bytes:
    """Lines for some models and benchmarks, of this board or of none."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    known = [str(model["name"]).replace("/", "__") for model in present] + ["gone"]
    for model in draw(st.lists(st.sampled_from(known), unique=True)):
        low, middle, high = sorted(draw(several(fractions, 3)))
        cohort = draw(st.sampled_from(["measured-base-16-16-prose", "paper", "gone"]))
        place = [draw(st.sampled_from(DAYS + EVER[:-1])), "0" * 40, cohort, model]
        benchmark = draw(st.sampled_from(["score", "sums", "quiz0", "gone"]))
        row = [*place, benchmark, middle, low, high, low, high, draw(texts), draw(texts)]
        writer.writerow(row)
    return stream.getvalue().encode("utf-8", "surrogatepass")


BOMBS = [
    *(b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"{", b"[" * 50_000, b'{"a":' * 9_000),
    *(
        b"1" * 5_000,
        b"1e999",
        b"-",
        b"null",
        b'"\\ud800"',
        b"NaN",
        b"5",
        b"a = 1\n" * 2,
        b"a.b = 1",
    ),
    *(b"a = " + b"[" * 500, b"a = 0x" + b"f" * 1_000, b"a = 9999-12-31T23:59:60Z\n", b"a = nan\n"),
    *(b",,,\n", b'"\n', b"'''", b"# \xc3\xa9\n", b"- A line of three words\n", b"\x1b]0;x\x07"),
]
PLACES = [
    *("runs/models/org/new.toml", "runs/models/a.toml", "runs/suites/new.toml"),
    *(
        "runs/corpora/new.toml",
        "runs/profiles/new.toml",
        "runs/texts/new.jsonl",
        "runs/tasks/a.yaml",
    ),
    *(
        "results/measured/a/b/c.json",
        "results/imported/a/b.json",
        "results/published/new/table.csv",
    ),
    *("results/published/new/source.toml", LEDGER, "runs/sentinel.toml", "CHANGELOG.md", "x.py"),
]


@st.composite
def changed_bytes(draw: Draw, files: dict[str, bytes]) -> dict[str, bytes | None]:
    """Files of a pull request by path, of any bytes; None is removed. files: of the base."""
    changed: dict[str, bytes | None] = {}
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([*files, *PLACES]))
        content = files.get(path) or draw(st.sampled_from(list(files.values())))
        put = b""
        for _ in range(draw(st.integers(1, 3))):
            start = draw(st.integers(0, len(content)))
            end = min(len(content), start + draw(st.sampled_from([0, 0, 1, 2, 9, 99, 10**6])))
            put = draw(st.sampled_from([*BOMBS, content[start:end] * 2]) | st.binary(max_size=9))
            content = content[:start] + put + content[end:]
        changed[path] = draw(st.sampled_from([content, content, content, put, None]))
    return changed
