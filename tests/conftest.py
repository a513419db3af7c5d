"""One CPU thread for torch in all tests: sums are the same in every run, and busy machines no problem."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)
