import os
import signal

import pytest

from spider2d.training.interrupt import StopRequest, stop_requests


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_becomes_a_request_and_the_handlers_come_back(number):
    before = signal.getsignal(number)
    with stop_requests() as stop:
        assert stop.reason is None
        os.kill(os.getpid(), number)
        assert stop.reason == number.name
    assert signal.getsignal(number) == before


def test_second_signal_ends_at_once():
    with pytest.raises(KeyboardInterrupt), stop_requests():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_time_limit(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    stop = StopRequest(max_minutes=2)
    now[0] = 219.9
    assert stop.reason is None
    now[0] = 220.0
    assert stop.reason == "time"
    assert StopRequest().reason is None
