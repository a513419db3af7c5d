"""What several test modules share."""

import shutil

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """One CPU thread for torch: sums are the same in every run, and busy machines no problem."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def written_runs(tmp_path_factory):
    """The folder of `scored_runs.write_runs`; not to be changed."""
    from scored_runs import write_runs

    return write_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def runs(written_runs, tmp_path):
    """A copy of it that a test may damage."""
    return shutil.copytree(written_runs, tmp_path / "runs")
