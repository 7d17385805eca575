"""Records whose parts agree with each other, with any number within its bounds.

Everything is JSON values, so that it is read from files as commands read it.
"""

import json
import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.results import record_text
from hypothesis import strategies as st
from pydantic import ValidationError

from tests import factory
from tests.fuzz.values import (
    MOMENTS,
    Content,
    Draw,
    Palette,
    often,
    seldom,
    several,
    take,
)


def plain(record: Any) -> Content:
    """A record of the factory as JSON values."""
    return json.loads(record.model_dump_json(exclude_none=True))


def environments(draw: Draw, palette: Palette) -> Content:
    return {
        **plain(factory.make_result(factory.make_model()).environment),
        "dtype": draw(st.sampled_from(["float32", "float32", "float32", "bfloat16", "x"])),
        "device": draw(st.sampled_from(["cpu", "cpu", "cuda", ""])),
        "packages": draw(st.sampled_from([{"torch": "2.13.0"}, {}])),
        "wall_seconds": next(palette.amounts),
        "peak_memory_bytes": next(palette.sizes),
        "threads": next(palette.counts),
    }


def scored_texts(draw: Draw, palette: Palette, corpus: Content) -> Content:
    lengths, protocol = corpus["_lengths"], corpus["protocol"]
    bits = take(palette.amounts, len(lengths))
    restored = [draw(often)] * len(lengths)
    documents = [
        {"document": f"d{k}", "bytes": size, "tokens": tokens, "bits": cost, "lossless": whole}
        for k, (size, tokens, cost, whole) in enumerate(
            zip(lengths, take(palette.counts, len(lengths)), bits, restored, strict=True)
        )
    ]
    for document in documents:
        document["tokens"] = min(document["tokens"], 4 * document["bytes"], 10**15 - 1)
    total, whole = math.fsum(bits), sum(lengths)
    lossless = {
        "bits_per_byte": total / whole,
        "start_token": draw(st.sampled_from(["bos", "eos", "uniform"])),
        "failing_bytes": sum(d["bytes"] for d in documents if not d["lossless"]),
        "documents": documents,
        "stretches": [],
    }
    if draw(st.booleans()):
        share = next(palette.fractions)
        lossless["stretches"] = [
            {"from_byte": 0, "bytes": whole // 2, "bits": total * share},
            {"from_byte": 64, "bytes": whole - whole // 2, "bits": total - total * share},
        ]
    layers = draw(st.sampled_from([1, 1, 2]))
    subject = {
        "architecture": next(palette.texts),
        **dict(zip(("parameters", "weights_bytes"), take(palette.counts, 2), strict=True)),
        **dict(zip(("context_tokens", "vocabulary"), take(palette.counts, 2), strict=True)),
        "layers": layers,
        "width": draw(st.sampled_from([1, 64])),
    }
    made = {"lossless": lossless, "subject": subject}
    if draw(st.booleans()):
        made["lossy"] = planes(draw, palette, protocol, layers, subject["width"])
    return made


def planes(draw: Draw, palette: Palette, protocol: Content, layers: int, width: int) -> Content:
    positions, seeds = protocol["positions"], len(protocol["anchor_seeds"])
    labels = [
        {"unit": unit, "side": side, "order": order}
        for unit, orders in (
            ("token", range(1, protocol["max_order"] + 1)),
            ("byte", protocol["byte_orders"]),
        )
        for side in ("input", "output")
        for order in orders
    ]
    documents = draw(st.integers(1, protocol["documents"]))
    groups: list[int] = []
    if min(documents, positions) > 1 and draw(st.booleans()):
        groups = [positions - 1, 1]

    def layer(number: int) -> Content:
        entropy, ceiling = take(palette.shares, seeds), take(palette.shares, seeds)
        ceiling = list(map(min, ceiling, entropy))
        return {
            "layer": number,
            "entropy": entropy,
            "ceiling": ceiling,
            "effective_rank": draw(st.sampled_from([1.0, float(width)])),
            "information": [
                {
                    **label,
                    "plug_in": list(map(min, take(palette.shares, seeds), ceiling)),
                    "null": take(palette.shares, seeds),
                    "null_deviation": take(palette.fractions, seeds),
                    "null_error": take(palette.fractions, seeds),
                    "standard_error": next(palette.fractions),
                }
                for label in labels
            ],
        }

    return {
        "positions": positions,
        "documents": documents,
        "group_positions": groups,
        "scale": next(palette.fractions) or 1.0,
        "labels": [
            {
                **label,
                "distinct": min(positions, next(palette.counts)),
                "singleton_mass": next(palette.fractions),
            }
            for label in labels
        ],
        "layers": [layer(number) for number in range(layers + 1)],
        "replicates": [{**s, "corrected": take(palette.shares, len(groups))} for s in labels],
        "convergence": [
            {**label, "positions": 1, "plug_in": next(palette.shares), "null": next(palette.shares)}
            for label in labels[: draw(st.integers(0, 2))]
        ],
    }


def preferences(draw: Draw, palette: Palette, pairs: Content) -> Content:
    seeds = len(pairs["protocol"]["anchor_seeds"])
    return {
        "sha256": pairs["sha256"],
        "protocol": pairs["protocol"],
        "pairs": pairs["protocol"]["pairs"],
        "left_out": 0,
        "completion_tokens": draw(st.sampled_from([40, 10**15 - 1])),
        "scale": next(palette.fractions) or 1.0,
        "layers": [
            {
                "layer": number,
                "plug_in": take(palette.shares, seeds),
                "null": take(palette.shares, seeds),
                "null_deviation": take(palette.fractions, seeds),
                "replicates": take(palette.shares, 4) * 5,
            }
            for number in range(draw(st.sampled_from([2, 3])))
        ],
    }


def task_results(draw: Draw, palette: Palette, task: Content, items: int) -> Content:
    costs = [take(palette.likelihoods, 2) for _ in range(items)]
    targets = draw(several(st.sampled_from([0, 1]), items))
    further = take(palette.numbers, items)
    right = [1.0 if c[t] >= c[1 - t] else 0.0 for c, t in zip(costs, targets, strict=True)]
    metrics = {"acc": right}
    if task["metric"] != "acc":
        metrics[task["metric"]] = take(palette.fractions, items)
    if draw(st.booleans()):
        metrics["bits"] = further
    responses = [
        {
            "item": k,
            "target": targets[k],
            "log_likelihoods": costs[k],
            "metrics": {name: values[k] for name, values in metrics.items()},
        }
        for k in range(items)
    ]
    scores = [
        {
            "task": task["task"],
            "metric": name,
            "value": fmean(values),
            "n": items,
            "stderr": draw(st.sampled_from([None, _error(values), _error(values)])),
            "higher_is_better": name != "bits",
        }
        for name, values in metrics.items()
    ]
    asked = {key: value for key, value in task.items() if value is not None and key != "_grouped"}
    result = {
        "task": asked,
        "version": next(palette.texts),
        "scores": scores,
        "responses": responses,
    }
    if task["_grouped"]:
        parts = {key: result[key] for key in ("version", "scores", "responses")}
        members = [{"name": f"{task['task']} {k}", **parts} for k in range(2)]
        grouped = [{**score, "n": 2 * items} for score in scores]
        result |= {"subtasks": members, "responses": [], "scores": grouped}
    return result


def _error(values: Sequence[float]) -> float | None:
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None


def classical_records(palette: Palette, corpus: Content) -> Content:
    content = plain(factory.make_classical())
    lengths = corpus["_lengths"]
    largest = min(2 * sum(lengths) + 1000, 10**15 - 1)
    classical = content["classical"]
    classical["documents"] = [
        {"document": f"d{k}", "bytes": size} for k, size in enumerate(lengths)
    ]
    for compressed in classical["compressed"]:
        compressed["whole_bytes"] = min(largest, next(palette.counts))
        compressed["document_bytes"] = take(palette.counts, len(lengths))
    return {**content, "name": corpus["name"], "text": _text_of(corpus)}


def _text_of(corpus: Content) -> Content:
    return {key: corpus[key] for key in ("sha256", "bytes", "protocol")}


def proofs(palette: Palette, corpus: Content) -> Content:
    proof = plain(factory.make_proof(factory.make_model()))["proof"]
    sample = min(corpus["bytes"], next(palette.counts))
    words = next(palette.counts)
    bits = min(8.0 * words, 9e14)
    cost = {"bits_ideal": bits * next(palette.fractions), "bits_quantised": bits}
    sized = {"sample_bytes": sample, "tokens": 1, "compressed_bytes": words}
    return {**proof, **cost, **sized, "encode_seconds": next(palette.amounts)}


def placed(record: Content) -> tuple[str, bytes]:
    """A record in its place, or as it is in some place if it is none."""
    text = json.dumps(record)
    try:
        result = Result.model_validate_json(text)
        return f"results/measured/{result.file}", record_text(result).encode()
    except (ValidationError, OSError, ValueError):
        return "results/measured/org__small/x.json", text.encode()


def model_file(model: Content) -> str:
    quantization = model["weights"].get("quantization")
    return f"{model['name']}@{quantization}" if quantization else model["name"]


def records_of(
    draw: Draw, palette: Palette, model: Content, jobs: list[tuple[str, Content]]
) -> list[Content]:
    """Records of these jobs of a model: finished, failed, retracted or replaced."""
    records = []
    for kind, spec in jobs:
        listed = [factory.REVISION] * 4 + [c["revision"] for c in model.get("checkpoints", ())]
        record = {
            "format": 2,
            "model": model_file(model).replace("/", "__"),
            "revision": draw(st.sampled_from(listed)),
            "tokens_seen": next(palette.sizes),
            "kind": kind,
            "name": spec["name"],
            "started": draw(st.sampled_from(MOMENTS)),
            "environment": environments(draw, palette),
        }
        if draw(seldom):
            reason = st.sampled_from(["timeout", "out_of_memory", "unsafe_weights"])
            record["error"] = {"reason": draw(reason), "message": next(palette.texts)}
        elif kind == "suite":
            record["tasks"] = [
                task_results(draw, palette, task, spec["_items"]) for task in spec["tasks"]
            ]
        elif spec["kind"] == "preference":
            record["preference"] = preferences(draw, palette, spec)
        elif kind == "proof":
            record |= {"text": _text_of(spec), "proof": proofs(palette, spec)}
        else:
            record |= {"text": _text_of(spec), **scored_texts(draw, palette, spec)}
        if draw(seldom):
            record["retracted"] = next(palette.texts)
        records.append(record)
        if draw(seldom):
            later = {"started": draw(st.sampled_from(MOMENTS)), "replaces": run_id(record)}
            records.append({**record, **later})
    return records


def run_id(record: Content) -> str | None:
    return placed(record)[0].rpartition("/")[2].removesuffix(".json")
