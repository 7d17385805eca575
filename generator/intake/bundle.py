"""What goes into a bundle of a trusted worker, and whether one is of today's plan."""

from collections.abc import Collection, Iterable

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.plan import JobKey, plan_jobs
from generator.records.base import Problem, UserError
from generator.records.bundles import AskedJob, Bundle
from generator.records.results import Part
from generator.records.shards import Shard, ShardJob

Place = tuple[JobKey, Part | None]


def make_bundle(shards: Iterable[Shard], stored: Iterable[StoredResult], specs: Specs) -> Bundle:
    """The bundle of what shards were asked for and brought.

    Raises UserError for a job that is not in runs/, where nobody can say what it was told.
    """
    asked, jobs, problems = _asked(specs), {}, []
    for job in (job for shard in shards for job in shard.jobs):
        if (told := asked.get(job.key)) is None:
            repair = "plan and measure again with the files of runs/ as they are"
            problems.append(Problem("shard.jsonl", str(job), "is not in runs/", repair))
        else:
            jobs[job.key, job.part] = AskedJob(**{**dict(job), "asked": told})
    if problems:
        raise UserError(problems)
    records = sorted((entry.result for entry in stored), key=lambda result: result.file)
    return Bundle(jobs=tuple(jobs.values()), records=tuple(records))


def why_other_plan(bundle: Bundle, specs: Specs, planned: Collection[Place] | None) -> str | None:
    """Why a bundle is not of this repository's plan, or None.

    planned: jobs that were given out; None when any job of runs/ will do.
    """
    asked = _asked(specs)
    for job in bundle.jobs:
        if asked.get(job.key) != job.asked:
            wrong = "its weights, suite or text are not those of runs/ today"
            return _is_of_another(job, wrong)
        if planned is not None and (job.key, job.part) not in planned:
            return _is_of_another(job, "no shard was asked for it")
    return None


def _is_of_another(job: ShardJob, wrong: str) -> str:
    return f"is for another plan: {job}: {wrong}; plan, measure and sign it again"


def _asked(specs: Specs) -> dict[JobKey, str | None]:
    """What every job of runs/ is told, as a hash."""
    return {job.key: job.asked for job in plan_jobs(specs, ())}
