"""Which server stands in the Hub's place."""

import os

HUB = "https://huggingface.co"


def mirror_address() -> str | None:
    """What HF_ENDPOINT names instead of the Hub; None where the Hub itself is asked."""
    address = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    return address if address not in ("", HUB) else None
