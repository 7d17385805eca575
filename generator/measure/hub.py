"""Ask the Hugging Face Hub for commits."""

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from generator.records.base import UserError


def resolve_dataset(name: str) -> str:
    """Commit of a dataset's main branch today. Raises UserError when the Hub does not answer."""
    try:
        commit = HfApi().dataset_info(name).sha
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0]
        wrong = f"{name}: the Hub gave no commit ({reason})"
        raise UserError([f"{wrong}; try again on a machine that reaches it"]) from error
    if commit is None:
        raise UserError([f"{name}: the Hub gave no commit; check the name of the dataset"])
    return commit
