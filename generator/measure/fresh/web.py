"""One request at a time to a source of fresh text, politely: named, paced, and bounded."""

import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from urllib.parse import urlencode

from generator.measure.failures import MeasureError

LARGEST_ANSWER = 20_000_000  # bytes
TRIES = 3
BUSY = {429, 500, 502, 503, 504}
AGENT = "llm-compression-leaderboard (leaderboard corpus propose)"


@dataclass(frozen=True)
class Web:
    """Where a source's interface stands; tests put a loopback server there."""

    address: str
    pause_seconds: float = 1.0  # before each request
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    def get(self, path: str, **parameters: str | int) -> bytes:
        """An answer's content. Raises MeasureError where there is none after three tries."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        headers = {"User-Agent": AGENT, **self.headers}
        request = urllib.request.Request(f"{self.address}{path}{query}", headers=headers)
        why = ""
        for attempt in range(TRIES):
            time.sleep(self.pause_seconds * 2**attempt)
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    content: bytes = answer.read(LARGEST_ANSWER + 1)
            except urllib.error.HTTPError as error:
                why = f"answered {error.code}"
                if error.code not in BUSY:
                    break
                continue
            except OSError as error:
                why = f"cannot be reached: {error}"
                continue
            if len(content) > LARGEST_ANSWER:
                raise MeasureError("network", f"{self.address}{path}: the answer is too large")
            return content
        raise MeasureError("network", f"{self.address}{path} {why}; try again later")
