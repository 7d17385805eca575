"""Work done beside other work, in a process of its own."""

import multiprocessing
import sys
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Start(Protocol):
    """How work is begun: it gives the function that waits for its answer."""

    def __call__(self, work: Callable[[], T]) -> Callable[[], T]: ...


def when_asked(work: Callable[[], T]) -> Callable[[], T]:
    """Do the work in this process, when its answer is asked for."""
    return work


def start_beside(work: Callable[[], T]) -> Callable[[], T]:
    """Start work in a forked process, which holds all that this one holds; the function that
    comes back waits for its answer and raises what it raised.

    Where a process cannot safely be forked the work is done when it is asked for.
    """
    if sys.platform != "linux":
        return work
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def send() -> None:
        try:
            sender.send((work(), None))
        except Exception as error:
            sender.send((None, error))

    process = context.Process(target=send, daemon=True)
    process.start()
    sender.close()  # so that a child that dies is noticed

    def wait() -> T:
        answer, error = receiver.recv()
        process.join()
        if error is not None:
            raise error
        result: T = answer
        return result

    return wait
