"""Why a job could not be done."""


class MeasureError(Exception):
    """A job failed for a reason that its error record names.

    reason: a short word (weights, unsafe_weights, package, corpus, tokenizer, nan, harness, …).
    """

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason
        self.message = message
