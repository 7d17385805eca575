"""When the sentinel is measured again, although its record is there.

The sentinel is one model on one text. It is due beside other jobs, so that whatever a cycle adds
to the board has a control that was measured with the same software, and by itself when the
software has changed since its newest record. Both follow from runs/, results/ and this machine,
never from the clock: a cycle that finds nothing else to do, with the software of the last one,
leaves it alone, since the same bits through the same programs tell nothing new. The kind of
processor is no reason: the machine that plans is not the one that measures. It is shown beside
the readings all the same.
"""

from collections.abc import Iterable
from dataclasses import replace

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.plan.jobs import Job, JobKey, latest_results, plan_jobs
from generator.plan.retry import Machine, software_changes


def plan_sentinel(
    specs: Specs, stored: Iterable[StoredResult], machine: Machine, beside: bool
) -> Job | None:
    """The sentinel's job where it is due for being the sentinel; None where it is not.

    beside: whether other jobs will be measured. Without a record of today's protocol the job is
    due like any other, and None here.
    """
    sentinel, stored = specs.sentinel, list(stored)
    if sentinel is None:
        return None
    model = specs.models[sentinel.model]
    key: JobKey = (model.id, model.weights.revision, "corpus", sentinel.corpus)
    known = latest_results(stored).get(key)
    if known is None or key in {job.key for job in plan_jobs(specs, stored, machine=machine)}:
        return None
    changed = software_changes(known.result.environment.packages, machine.packages)
    if not changed and not beside:
        return None
    again = {job.key: job for job in plan_jobs(specs, stored, again=True, machine=machine)}
    why = f"sentinel: {', '.join(changed)}" if changed else "sentinel: beside the others"
    return replace(again[key], why=why)
