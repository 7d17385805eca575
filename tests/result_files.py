"""Small result files as lm-eval and Every Eval Ever write them, for tests that change them."""

import json
from typing import Any


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def old_file(**changes: Any) -> dict[str, Any]:
    """As version 0.3 writes it: flat metrics, no date, no counts."""
    document = {
        "results": {"arc_easy": {"acc": 0.5, "acc_stderr": 0.01, "acc_norm": 0.45}},
        "versions": {"arc_easy": 0},
        "config": {
            "model": "hf-causal",
            "model_args": "pretrained=org/small,revision=step3000,dtype=float16",
            "num_fewshot": 5,
            "limit": None,
        },
    }
    return document | changes


def new_file(**changes: Any) -> dict[str, Any]:
    """As version 0.4.13 writes it: a task with two filters, a group, counts and directions."""
    member = {
        "name": "sums_easy",
        "alias": "easy",
        "sample_len": 40,
        "exact_match,strict-match": 0.25,
        "exact_match_stderr,strict-match": 0.07,
        "exact_match,flexible-extract": 0.5,
        "exact_match_stderr,flexible-extract": 0.08,
    }
    group = {
        "name": "sums",
        "alias": "Sums",
        "sample_len": 40,
        "acc,none": 0.75,
        "acc_stderr,none": "N/A",
        "sample_count": {"acc,none": 39},
    }
    document = {
        "results": {"sums_easy": member, "sums": group},
        "groups": {"sums": group},
        "group_subtasks": {"sums": ["sums_easy"]},
        "configs": {
            "sums_easy": {
                "task": "sums_easy",
                "dataset_path": "org/sums",
                "dataset_name": "easy",
                "dataset_kwargs": {"revision": "d" * 40},
                "num_fewshot": 8,
                "metric_list": [{"metric": "exact_match", "higher_is_better": True}],
            }
        },
        "versions": {"sums_easy": 2.0, "sums": "N/A"},
        "n-shot": {"sums_easy": 8},
        "higher_is_better": {"sums_easy": {"exact_match": True}, "sums": {"acc": True}},
        "n-samples": {"sums_easy": {"original": 100, "effective": 40}},
        "config": {
            "model": "hf",
            "model_args": {"pretrained": "org/small", "dtype": "bfloat16"},
            "model_revision": "main",
            "model_sha": "c" * 40,
            "limit": 40,
        },
        "git_hash": "abc1234",
        "date": 1771517557.5,
        "pretty_env_info": "PyTorch version: 2.8.0\nOS: a machine's own affairs",
        "lm_eval_version": "0.4.13",
        "chat_template": "{{ messages }}",
        "chat_template_sha": "e" * 64,
        "model_name": "org/small",
        "task_hashes": {},
    }
    return document | changes


def exchange_file(**changes: Any) -> dict[str, Any]:
    """An Every Eval Ever record: a fraction with a standard error, and bits with an interval."""
    document = {
        "schema_version": "0.3.0",
        "evaluation_id": "sums/org/small/1771517557",
        "retrieved_timestamp": "1771600000",
        "evaluation_timestamp": "1771517557",
        "source_metadata": {
            "source_type": "evaluation_run",
            "source_organization_name": "An Institute",
            "evaluator_relationship": "third_party",
        },
        "eval_library": {"name": "lm_eval", "version": "0.4.13"},
        "model_info": {
            "name": "Small",
            "id": "org/small",
            "inference_engine": {"name": "transformers"},
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "open_weights",
                "revision": "main",
                "sha": "c" * 40,
                "model_args": "pretrained=org/small,dtype=float16",
            },
        },
        "evaluation_results": [
            {
                "evaluation_result_id": "exact_match:strict-match",
                "evaluation_name": "sums/strict-match",
                "source_data": {
                    "dataset_name": "sums",
                    "source_type": "hf_dataset",
                    "hf_repo": "org/sums",
                },
                "metric_config": {
                    "metric_name": "exact_match",
                    "lower_is_better": False,
                    "score_type": "continuous",
                    "min_score": 0.0,
                    "max_score": 1.0,
                },
                "score_details": {
                    "score": 0.25,
                    "uncertainty": {"standard_error": {"value": 0.07}, "num_samples": 40},
                },
                "generation_config": {"additional_details": {"num_fewshot": "8"}},
            },
            {
                "evaluation_name": "prose",
                "source_data": {"dataset_name": "prose", "source_type": "other"},
                "metric_config": {
                    "metric_id": "bits_per_byte",
                    "metric_unit": "bits/byte",
                    "lower_is_better": True,
                    "score_type": "continuous",
                    "min_score": 0.0,
                    "max_score": "Infinity",
                },
                "score_details": {
                    "score": 1.25,
                    "uncertainty": {
                        "confidence_interval": {
                            "lower": 1.2,
                            "upper": 1.3,
                            "confidence_level": 0.95,
                        }
                    },
                },
            },
        ],
    }
    return document | changes
