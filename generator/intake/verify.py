"""Whether a record from elsewhere is one that this repository asked for: one line where it is not.

That it is well formed, finite and in the file of its own hash has been seen when it was read.
"""

import math

from generator.files.specs import Specs
from generator.plan import why_due
from generator.records.classical import CLASSICAL
from generator.records.results import Lossless, Response, Result, TaskResult

TOLERANCE = 1e-9  # relative, of sums that are taken anew


def why_refused(result: Result, specs: Specs) -> str | None:
    """Why a record may not stand among the measured ones, or None."""
    if wrong := _why_not_planned(result, specs):
        return wrong
    if result.error is not None:
        return None
    spec = (
        specs.suites.get(result.name)
        if result.kind == "suite"
        else specs.preferences.get(result.name) or specs.corpora[result.name]
    )
    assert spec is not None  # it is planned, so the spec is there
    if stale := why_due(result, spec):
        return f"was measured for another spec ({stale.removeprefix('stale: ')})"
    if result.lossless is not None:
        documents = specs.corpora[result.name].protocol.documents
        return _why_wrong_bits(result.lossless, documents)
    wrongs = (_why_wrong_task(task, result.part is not None) for task in result.tasks)
    return next((wrong for wrong in wrongs if wrong), None)


def _why_not_planned(result: Result, specs: Specs) -> str | None:
    if result.model == CLASSICAL.id:
        known, revisions = list(specs.corpora), [CLASSICAL.revision]
    elif (model := specs.models.get(result.model)) is not None:
        known = list(model.suites if result.kind == "suite" else model.corpora)
        revisions = [checkpoint.revision for checkpoint in model.revisions()]
    else:
        return f'model "{result.model}" is not in runs/models'
    if result.revision not in revisions:
        return f"revision {result.revision} is not in the model's file"
    if result.kind == "proof" or result.name not in known:
        return f"the model's file does not ask for {result.kind} {result.name}"
    return None


def _why_wrong_bits(lossless: Lossless, documents: int) -> str | None:
    if len(lossless.documents) != documents:
        return f"has {len(lossless.documents)} documents, the protocol {documents}"
    if any(document.bits < 0 for document in lossless.documents):
        return "has a document of fewer than 0 bits"
    total = math.fsum(document.bits for document in lossless.documents)
    size = sum(document.bytes for document in lossless.documents)
    if not math.isclose(total / size, lossless.bits_per_byte, rel_tol=TOLERANCE):
        return f"says {lossless.bits_per_byte} bits per byte, its documents say {total / size}"
    return None


def _why_wrong_task(task: TaskResult, is_part: bool) -> str | None:
    name = task.task.task
    leaves = [(s.name, s.scores, s.responses) for s in task.subtasks]
    leaves = leaves or [(name, task.scores, task.responses)]
    for leaf, scores, responses in leaves:
        if wrong := _why_wrong_items(responses):
            return f"{leaf}: {wrong}"
        for score in scores if responses else ():
            if score.n != len(responses):
                return f"{leaf}: scores {score.n} items, holds {len(responses)}"
    if is_part:
        return None
    if all(score.metric != task.task.metric for score in task.scores):
        return f"{name}: has no {task.task.metric}"
    if any(score.stderr is not None and score.stderr < 0 for score in task.scores):
        return f"{name}: has a standard error below 0"
    return None


def _why_wrong_items(responses: tuple[Response, ...]) -> str | None:
    items = [response.item for response in responses]
    if len(set(items)) != len(items):
        return "holds an item twice"
    if any(value > 0 for response in responses for value in response.log_likelihoods):
        return "has a log-likelihood above 0"
    return None
