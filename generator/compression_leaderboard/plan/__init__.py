"""What is to be measured: jobs that are due, what they will cost, and how machines share them."""

from compression_leaderboard.plan.jobs import (
    Job,
    JobKey,
    Machine,
    latest_results,
    plan_jobs,
    plan_sentinel,
    policy_of,
    result_key,
    why_due,
)

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
