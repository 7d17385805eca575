"""Why a job could not be done."""

from generator.records.failures import Reason


class MeasureError(Exception):
    """A job failed for a reason that its error record names; see records/failures.py."""

    def __init__(self, reason: Reason, message: str):
        super().__init__(message)
        self.reason: Reason = reason
        self.message = message
