"""What is to be measured: jobs that are due, what they will cost, and how machines share them."""

from generator.plan.jobs import Job, JobKey, latest_results, plan_jobs, result_key, why_due
from generator.plan.retry import Machine, policy_of
from generator.plan.sentinel import plan_sentinel

__all__ = [
    "Job",
    "JobKey",
    "Machine",
    "latest_results",
    "plan_jobs",
    "plan_sentinel",
    "policy_of",
    "result_key",
    "why_due",
]
