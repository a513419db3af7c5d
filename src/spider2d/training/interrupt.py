"""Stopping cleanly: Ctrl-C, SIGTERM and a limit of time end the training after the step in hand."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Why the training should stop; `reason` is None as long as it should go on."""

    def __init__(self, max_minutes: float | None = None) -> None:
        self._deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        self._signal: signal.Signals | None = None

    @property
    def reason(self) -> str | None:
        """The name of the signal that came, ``"time"`` when the time is up, or None."""
        if self._signal is not None:
            return self._signal.name
        return "time" if self._deadline is not None and time.monotonic() >= self._deadline else None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note the signal; a second one ends the program at once."""
        if self._signal is not None:
            raise KeyboardInterrupt
        self._signal = signal.Signals(number)


@contextmanager
def stop_requests(max_minutes: float | None = None) -> Iterator[StopRequest]:
    """Turn SIGINT and SIGTERM into a request to stop for the time of the block."""
    request = StopRequest(max_minutes)
    previous = {number: signal.signal(number, request.handle) for number in STOP_SIGNALS}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
