"""What several test modules share."""

import shutil

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """One CPU thread for torch: sums are the same in every run, and busy machines no problem."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def no_proxy():
    """Servers of the tests are on this machine, which a proxy of the machine would not find."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "127.0.0.1,localhost")
        yield


@pytest.fixture(scope="session")
def written_runs(tmp_path_factory):
    """The folder of `scored_runs.write_runs`; not to be changed."""
    from scored_runs import write_runs

    return write_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def runs(written_runs, tmp_path):
    """A copy of it that a test may damage."""
    return shutil.copytree(written_runs, tmp_path / "runs")


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """The checkpoint of `infer_runs.save_quiet_network`; not to be changed."""
    from infer_runs import save_quiet_network

    return save_quiet_network(tmp_path_factory.mktemp("checkpoint") / "tiny.pt")


@pytest.fixture
def images(tmp_path):
    """A folder with the images of `infer_runs.write_two_volumes`."""
    from infer_runs import write_two_volumes

    return write_two_volumes(tmp_path / "scans")
