"""What no measurement can have produced, checked the same way wherever records come in.

The bounds of single numbers stand in the records' own fields. Here are the relations: between the
parts of a record, between a record and what it says it measured, and between records.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from statistics import fmean, stdev

from compression_leaderboard.records.base import Problem
from compression_leaderboard.records.byte_classes import ByteClass
from compression_leaderboard.records.calibration import (
    CALIBRATION_SHA256,
    CALIBRATION_TOKENS,
    FUTURE_NATS,
    Calibration,
)
from compression_leaderboard.records.corpora import Protocol
from compression_leaderboard.records.models import Task
from compression_leaderboard.records.plane import Layer, Lossy, Preference, Side, Unit
from compression_leaderboard.records.rechecks import Recheck, draw_sample
from compression_leaderboard.records.results import (
    CLASSICAL,
    ClassicalSizes,
    CorpusText,
    DocumentBits,
    JobKey,
    Lossless,
    Proof,
    Response,
    Result,
    Score,
    Subtask,
    TaskResult,
    leaves_of,
)
from compression_leaderboard.repository.results import StoredRecheck, StoredResult
from compression_leaderboard.wording import counted

EARLIEST = date(2015, 1, 1)  # before the first model that the board could measure
TOLERANCE = 1e-9  # relative, of sums and means that are computed again
ROUNDING = 1e-6  # of figures that were summed in float32, or rounded before they were written
TIE = 1e-3  # nats: log-likelihoods are written with seven digits, so a tie may fall either way
LEAST_RATE = 1e-6  # bits per byte of a text: float32 cannot tell a likelier token from a sure one
CODER_BITS = 64  # an arithmetic coder's overhead, beside 0.1 %
TOKENS_PER_BYTE = 4  # of a tokenizer that normalizes; byte-level ones have at most 1

Label = tuple[Unit, Side, int]
Documents = tuple[tuple[str, int], ...]  # names and bytes, in order


@dataclass(frozen=True)
class Known:
    """What a record is compared with."""

    latest: date  # nothing was measured after it
    jobs: Mapping[str, JobKey]  # of every record, by run id
    documents: Mapping[tuple[str, tuple[int, int]], Documents]  # by hash and selection of a text
    items: Mapping[Task, Mapping[str, int]]  # items of each task or subtask

    @classmethod
    def of(cls, stored: Iterable[StoredResult], latest: date) -> "Known":
        """Gather from records in order of trust: the first that names a text or task counts."""
        jobs: dict[str, JobKey] = {}
        documents: dict[tuple[str, tuple[int, int]], Documents] = {}
        items: dict[Task, dict[str, int]] = {}
        for entry in stored:
            result = entry.result
            jobs[PurePosixPath(entry.file).stem] = result.key
            if not entry.counts:
                continue
            if result.text is not None and (listed := _documents(result)):
                documents.setdefault((result.text.sha256, result.text.protocol.selection), listed)
            for task in result.tasks:
                counts = {name: len(leaf.responses) for name, leaf in leaves_of(task)}
                items.setdefault(task.task, counts)
        return cls(latest, jobs, documents, items)


def why_impossible(result: Result, known: Known) -> str | None:
    """Return why a record cannot have been measured, or None."""
    return next(_reasons(result, known), None)


def _reasons(result: Result, known: Known) -> Iterator[str]:
    started = result.started.date()
    if not EARLIEST <= started <= known.latest:
        yield f"was started on {started}, not between {EARLIEST} and {known.latest}"
    if result.replaces is not None and known.jobs.get(result.replaces) != result.key:
        yield f"replaces {result.replaces}, which is no record of the same job"
    if result.error is not None:
        return
    if result.environment.dtype is None and result.model != CLASSICAL.id:
        yield "does not say in which number format it was computed"
    for task in result.tasks:
        yield from _of_task(task, known, is_part=result.part is not None)
    if result.text is not None:
        yield from _of_documents(result, result.text, known)
    if result.calibration is not None:
        yield from _of_calibration(result, result.calibration)
    if result.lossless is not None:
        yield from _of_lossless(result.lossless, result.calibration)
    if result.lossy is not None and result.text is not None:
        yield from _of_plane(result, result.lossy, result.text.protocol)
    if result.classical is not None:
        yield from _of_classical(result.classical)
    if result.preference is not None:
        yield from _of_preference(result.preference)
    if result.proof is not None and result.text is not None:
        yield from _of_proof(result.proof, result.text)


def why_impossible_recheck(
    recheck: Recheck,
    originals: Mapping[str, Result],
    commits: Mapping[str, str] | None,
    latest: date,
) -> str | None:
    """Return why a re-measurement is not one of a record's sample, or None.

    originals: records by run id. commits: those that brought them; None: not looked at.
    """
    started, original = recheck.started.date(), originals.get(recheck.repeats)
    if not EARLIEST <= started <= latest:
        return f"was started on {started}, not between {EARLIEST} and {latest}"
    if original is None or original.key != recheck.key:
        return f"repeats {recheck.repeats}, which is no record of the same job"
    brought = recheck.commit if commits is None else commits.get(recheck.repeats)
    if brought is None:
        return "repeats a record that no known commit brought; fetch the whole history"
    if recheck.commit != brought:
        return f"draws its sample by {recheck.commit}, but {brought} brought the record"
    if recheck.error is not None:
        return None
    if recheck.environment.dtype != "float32":
        return f"was measured in {recheck.environment.dtype}, not in float32"
    if not recheck.is_of(draw_sample(original, recheck.commit)):
        return "has another sample than the one that is drawn"
    return None


def without_impossible(
    stored: Sequence[StoredResult], latest: date
) -> tuple[list[StoredResult], list[Problem]]:
    """Leave out records that cannot have been measured; return them as problems."""
    known = Known.of(stored, latest)
    kept, problems = [], []
    for entry in stored:
        if (reason := why_impossible(entry.result, known)) is None:
            kept.append(entry)
        else:
            repair = "restore the record from git, or retract it and measure again"
            problems.append(Problem(entry.file, "", reason, repair))
    return kept, problems


def without_impossible_rechecks(
    rechecks: Iterable[StoredRecheck], stored: Iterable[StoredResult], latest: date
) -> tuple[list[StoredRecheck], list[Problem]]:
    """Leave out re-measurements that are not of a record's sample; return them as problems."""
    originals = {entry.run_id: entry.result for entry in stored}
    kept, problems = [], []
    for entry in rechecks:
        if (reason := why_impossible_recheck(entry.recheck, originals, None, latest)) is None:
            kept.append(entry)
        else:
            problems.append(Problem(entry.file, "", reason, "restore it from git or remove it"))
    return kept, problems


# Texts --------------------------------------------------------------------------------------------


def _documents(result: Result) -> Documents:
    scored = result.lossless or result.classical
    return tuple((d.document, d.bytes) for d in scored.documents) if scored else ()


def _of_documents(result: Result, text: CorpusText, known: Known) -> Iterator[str]:
    if not (listed := _documents(result)):
        return
    names = {name for name, _ in listed}
    if len(names) != len(listed):
        yield "has a document twice"
    if len(listed) != text.protocol.documents:
        yield f"has {counted(len(listed), 'document')}, the protocol {text.protocol.documents}"
    if max(size for _, size in listed) > text.protocol.document_bytes:
        yield f"has a document of more than {text.protocol.document_bytes} bytes"
    if (total := sum(size for _, size in listed)) != text.bytes:
        yield f"has {total} bytes of documents, the text {text.bytes}"
    of_others = known.documents.get((text.sha256, text.protocol.selection), listed)
    if listed != of_others:
        wrong = next(a for a, b in zip(listed, of_others, strict=False) if a != b)
        yield f"has the document {wrong[0]} of {wrong[1]} bytes, other records of the text do not"


def _of_calibration(result: Result, calibration: Calibration) -> Iterator[str]:
    start, fast, dtype = calibration.start, calibration.number_format, result.environment.dtype
    if calibration.sha256 != CALIBRATION_SHA256:
        yield "was calibrated on another text than the board's"
    windows = {text.protocol.window_tokens} if (text := result.text) else set()
    if result.preference is not None:
        windows = {result.preference.protocol.longest_tokens}
    if result.proof is not None:
        windows = {result.proof.block_tokens}
    if windows and calibration.window_tokens not in windows:
        asked = windows.pop()
        yield f"was calibrated in windows of {calibration.window_tokens} tokens, not {asked}"
    if calibration.tokens > CALIBRATION_TOKENS:
        yield f"has {calibration.tokens} tokens of calibration text, at most {CALIBRATION_TOKENS}"
    if fast is not None and calibration.tokens < CALIBRATION_TOKENS:
        yield f"compares number formats on {calibration.tokens} tokens, not {CALIBRATION_TOKENS}"
    if start.mode != start.fewest_bits:
        yield f"starts with {start.mode} where its bits choose {start.fewest_bits}"
    if any(entry.bits <= 0 for entry in start.modes):
        yield "has a start mode under which the calibration text costs nothing"
    if calibration.future_nats > FUTURE_NATS:
        yield f"has costs that later tokens change by {calibration.future_nats} nats: not causal"
    expected = "float32" if result.kind == "proof" else calibration.dtype
    if dtype != expected:
        yield f"was scored in {dtype}, its calibration allows {expected}"
    if fast is None:
        return
    chosen = start.bits_under(start.mode)
    if start.revision == result.revision and not math.isclose(
        fast.float32_bits, chosen, rel_tol=ROUNDING
    ):
        yield f"has {fast.float32_bits} bits in float32, {chosen} under its start mode"
    if fast.dtype == "float32":
        yield "compares float32 with itself"


def _of_lossless(lossless: Lossless, calibration: Calibration | None) -> Iterator[str]:
    documents = lossless.documents
    bits = math.fsum(document.bits for document in documents)
    if not math.isclose(rate := bits / lossless.bytes, lossless.bits_per_byte, rel_tol=TOLERANCE):
        yield f"has {lossless.bits_per_byte} bits per byte, its documents {rate}"
    if rate < LEAST_RATE:
        yield f"has {rate} bits per byte, fewer than any text needs"
    header = calibration.start.header_bits if calibration else 0.0
    if any(document.bits < header for document in documents):
        yield f"has a document of fewer bits than the {header:.3f} that name its start mode"
    failing = sum(document.bytes for document in documents if not document.lossless)
    if failing != lossless.failing_bytes:
        yield f"has {lossless.failing_bytes} failing bytes, its documents {failing}"
    if any(document.tokens > TOKENS_PER_BYTE * document.bytes for document in documents):
        yield f"has a document of more than {TOKENS_PER_BYTE} tokens per byte"
    if lossless.stretches:
        of_stretches = math.fsum(stretch.bits for stretch in lossless.stretches)
        if not math.isclose(of_stretches, bits, rel_tol=ROUNDING):
            yield f"has {of_stretches} bits in stretches, {bits} in documents"
        if sum(stretch.bytes for stretch in lossless.stretches) != lossless.bytes:
            yield "has other bytes in stretches than in documents"
    for document in documents:
        yield from _of_classes(document, lossless.classes or ())


def _of_classes(document: DocumentBits, classes: Sequence[ByteClass]) -> Iterator[str]:
    """Check the bytes and bits of a document by class."""
    name, sizes, bits = document.document, document.class_bytes, document.class_bits
    if sizes is None or bits is None:
        return
    if not document.lossless:
        yield f"has classes of the document {name}, which its tokenizer does not give back"
    if sum(sizes) != document.bytes:
        yield f"has {sum(sizes)} bytes in classes, {document.bytes} in the document {name}"
    if (total := math.fsum(bits)) != document.bits:
        yield f"has {total} bits in classes, {document.bits} in the document {name}"
    for byte_class, size, cost in zip(classes, sizes, bits, strict=True):
        if byte_class == "start" and size:
            yield f"has {size} bytes at the start of the document {name}, where none are"
        if byte_class != "start" and cost and not size:
            yield f"has {cost} bits of {byte_class} in the document {name}, which has no byte of it"


def _of_classical(classical: ClassicalSizes) -> Iterator[str]:
    asked = [(compressor.name, compressor.settings) for compressor in CLASSICAL.compressors]
    if [(text.name, text.settings) for text in classical.compressed] != asked:
        yield "has other compressors or settings than the board's"
    total = sum(document.bytes for document in classical.documents)
    for text in classical.compressed:
        if text.whole_bytes > 2 * total + 1000:
            yield f"{text.name} makes {text.whole_bytes} bytes of {total}"


def _of_proof(proof: Proof, text: CorpusText) -> Iterator[str]:
    if proof.sample_bytes > text.bytes:
        yield f"has a sample of {proof.sample_bytes} bytes, the text has {text.bytes}"
    if proof.tokens > TOKENS_PER_BYTE * proof.sample_bytes:
        yield f"has more than {TOKENS_PER_BYTE} tokens per byte"
    if proof.bits_quantised < proof.bits_ideal * (1 - ROUNDING):
        yield "has fewer bits under the coder's weights than under the model"
    allowed = 0.001 * proof.bits_quantised + CODER_BITS
    if abs(8 * proof.compressed_bytes - proof.bits_quantised) > allowed:
        yield f"has {8 * proof.compressed_bytes} bits for a cost of {proof.bits_quantised}"


# Hidden states ------------------------------------------------------------------------------------


def _of_plane(result: Result, plane: Lossy, protocol: Protocol) -> Iterator[str]:
    if plane.positions != protocol.positions:
        yield f"has {plane.positions} positions, the protocol {protocol.positions}"
    if plane.documents > protocol.documents:
        yield f"has positions in {counted(plane.documents, 'document')}"
    if plane.group_positions and sum(plane.group_positions) != plane.positions:
        yield "has groups whose positions do not add up"
    groups = len(plane.group_positions)
    if groups == 1 or groups > plane.documents:
        yield f"deals {counted(plane.documents, 'document')} to {counted(groups, 'group')}"
    labels = _labels(protocol)
    if {(label.unit, label.side, label.order) for label in plane.labels} != labels:
        yield "has other labels than the protocol"
    if any(label.distinct > plane.positions for label in plane.labels):
        yield "has more distinct labels than positions"
    if any(len(r.corrected) != len(plane.group_positions) for r in plane.replicates):
        yield "has another number of replicates than of groups"
    if any(share.positions > plane.positions for share in plane.convergence):
        yield "has a share of more than all positions"
    subject = result.subject
    if subject is None:
        yield "does not say what model has these layers"
        return
    if [layer.layer for layer in plane.layers] != list(range(subject.layers + 1)):
        yield f"does not have each of {subject.layers} layers and the embedding once"
    for layer in plane.layers:
        yield from _of_layer(layer, labels, len(protocol.anchor_seeds), subject.width)


def _labels(protocol: Protocol) -> set[Label]:
    orders: dict[Unit, Sequence[int]] = {
        "token": range(1, protocol.max_order + 1),
        "byte": protocol.byte_orders,
    }
    sides: tuple[Side, Side] = ("input", "output")
    return {(unit, side, n) for unit, listed in orders.items() for side in sides for n in listed}


def _of_layer(layer: Layer, labels: set[Label], seeds: int, width: int) -> Iterator[str]:
    place = f"layer {layer.layer}"
    if not len(layer.entropy) == len(layer.ceiling) == seeds:
        yield f"{place} does not have a number for each of {seeds} seeds"
        return
    if not 1 - ROUNDING <= layer.effective_rank <= width * (1 + ROUNDING):
        yield f"{place} has the effective rank {layer.effective_rank} of {width}"
    if any(c > h + ROUNDING for c, h in zip(layer.ceiling, layer.entropy, strict=True)):
        yield f"{place} has a ceiling above its entropy"
    if {(i.unit, i.side, i.order) for i in layer.information} != labels:
        yield f"{place} has other labels than the protocol"
    for information in layer.information:
        if not len(information.plug_in) == len(information.null) == seeds:
            yield f"{place} does not have an estimate for each of {seeds} seeds"
            continue
        pairs = zip(information.plug_in, layer.ceiling, strict=True)
        if any(value > ceiling + ROUNDING for value, ceiling in pairs):
            yield f"{place} has more information than its ceiling"


def _of_preference(preference: Preference) -> Iterator[str]:
    protocol = preference.protocol
    if preference.pairs + preference.left_out != protocol.pairs:
        total = preference.pairs + preference.left_out
        yield f"has {counted(total, 'pair')} with those left out, the protocol {protocol.pairs}"
    if preference.completion_tokens < 2 * preference.pairs:
        yield "has completions without tokens"
    if [layer.layer for layer in preference.layers] != list(range(len(preference.layers))):
        yield "does not have each layer once"
    for layer in preference.layers:
        sizes = {len(layer.plug_in), len(layer.null), len(layer.null_deviation)}
        if sizes != {len(protocol.anchor_seeds)}:
            yield f"layer {layer.layer} does not have an estimate for each seed"


# Benchmarks ---------------------------------------------------------------------------------------


def _of_task(task: TaskResult, known: Known, is_part: bool) -> Iterator[str]:
    name = task.task.task
    # Records before `definition` do not say what files they ran: those that a suite names today.
    undefined = task.task.model_copy(update={"definition": None})
    expected = known.items.get(undefined) or known.items.get(task.task, {})
    for leaf_name, leaf in leaves_of(task):
        numbers = [response.item for response in leaf.responses]
        if not numbers:
            yield f"{leaf_name}: has no items"
        elif len(set(numbers)) != len(numbers):
            yield f"{leaf_name}: has an item twice"
        elif not is_part and numbers != list(range(len(numbers))):
            yield f"{leaf_name}: does not have every item once, in order"
        elif len(numbers) > (task.task.limit or len(numbers)):
            has = counted(len(numbers), "item")
            yield f"{leaf_name}: has {has}, the suite asks for {task.task.limit}"
        elif not is_part and len(numbers) != expected.get(leaf_name, len(numbers)):
            has = counted(len(numbers), "item")
            yield f"{leaf_name}: has {has}, others {expected[leaf_name]}"
        if any(_is_wrong(response) for response in leaf.responses):
            yield f"{leaf_name}: has an item whose log-likelihoods give another acc"
        for score in leaf.scores:
            if reason := _why_not_of_items(score, leaf.responses):
                yield f"{leaf_name}: {reason}"
    if is_part:
        return
    if expected and {leaf_name for leaf_name, _ in leaves_of(task)} != set(expected):
        yield f"{name}: has other subtasks than other records"
    if task.task.metric not in {score.metric for score in task.scores}:
        yield f"{name}: has no {task.task.metric}"
    for score in task.scores if task.subtasks else ():
        if reason := _why_not_of_subtasks(score, task.subtasks):
            yield f"{name}: {reason}"


def _is_wrong(response: Response) -> bool:
    """Whether an item counts as right though its target is not the likeliest, or as wrong."""
    likelihoods, target = response.log_likelihoods, response.target
    if "acc" not in response.metrics or len(likelihoods) < 2 or not isinstance(target, int):
        return False
    if target >= len(likelihoods):
        return True
    others = max(value for k, value in enumerate(likelihoods) if k != target)
    margin = likelihoods[target] - others
    return abs(margin) > TIE and (margin > 0) != (response.metrics["acc"] == 1)


def _why_not_of_items(score: Score, responses: Sequence[Response]) -> str | None:
    if score.n != len(responses):
        return f"scores {counted(score.n, 'item')}, has {len(responses)}"
    if any(score.metric not in response.metrics for response in responses):
        return f"has a {score.metric} that its items do not have"
    values = [response.metrics[score.metric] for response in responses]
    if not math.isclose(mean := fmean(values), score.value, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        return f"has {score.value} as {score.metric}, its items {mean}"
    if score.stderr is not None and len(values) > 1:
        error = stdev(values) / math.sqrt(len(values))
        if not math.isclose(error, score.stderr, rel_tol=ROUNDING, abs_tol=TOLERANCE):
            return f"has the standard error {score.stderr}, its items {error}"
    return None


def _why_not_of_subtasks(score: Score, subtasks: Sequence[Subtask]) -> str | None:
    parts = [s for subtask in subtasks for s in subtask.scores if s.metric == score.metric]
    total = sum(part.n for part in parts)
    if score.n != total:
        return f"scores {counted(score.n, 'item')}, its subtasks {total}"
    means = (
        fmean(part.value for part in parts),
        fmean([part.value for part in parts], weights=[part.n for part in parts]),
    )
    if not any(math.isclose(m, score.value, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for m in means):
        return f"has {score.value} as {score.metric}, its subtasks {means[0]}"
    return None
