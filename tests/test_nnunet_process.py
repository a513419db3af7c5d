"""Processes of their own: their folders, time and memory, and what happens when they fail or are stopped."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from spider2d.baselines import nnunet_process
from spider2d.baselines.nnunet_folder import WorkFolder
from spider2d.baselines.nnunet_process import check_installed, environment, run_command
from spider2d.errors import MissingPackageError, Spider2dError


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(nnunet_process, "check_installed", lambda: None)


def test_missing_package_says_what_to_type(monkeypatch):
    monkeypatch.setattr(nnunet_process.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r'nnunetv2.*pip install -e "\.\[baselines\]"'):
        check_installed()


def test_a_step_gets_nnunets_folders_and_is_timed(installed, tmp_path):
    folder = WorkFolder(tmp_path)
    program = (
        "import os, sys, time, pathlib; time.sleep(0.2);"
        "seen = os.environ['nnUNet_raw'] + ' ' + os.environ['nnUNet_n_proc_DA'];"
        "pathlib.Path(sys.argv[1]).write_text(seen)"
    )
    cost = run_command(folder, ["-c", program], [str(tmp_path / "seen.txt")], workers=3)
    assert (tmp_path / "seen.txt").read_text() == f"{tmp_path / 'nnUNet_raw'} 3"
    assert environment(folder, 3)["nnUNet_results"] == str(tmp_path / "nnUNet_results")
    assert 0.2 <= cost.seconds < 30


MEASURE = """
import json, sys
from pathlib import Path
from spider2d.baselines import nnunet_process
from spider2d.cost_file import peak_memory_gb

nnunet_process.check_installed = lambda: None

def step_gb(program):
    return nnunet_process.run_command(nnunet_process.WorkFolder(Path()), ["-c", program], []).peak_memory_gb

own_gb = peak_memory_gb()
block = f"block = bytearray({round(1e9 * own_gb + 1e8)})"
child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {block!r}])"
print(json.dumps([own_gb, step_gb("pass"), step_gb(block), step_gb(child)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hand memory down")
def test_memory_is_that_of_a_step_or_its_child_and_never_that_of_the_process_that_started_it(tmp_path):
    """In a small process of its own, so that the blocks are small too."""
    command = [sys.executable, "-c", MEASURE]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, cwd=tmp_path)
    own_gb, nothing, block_gb, child_gb = json.loads(done.stdout)
    assert nothing is None
    assert own_gb + 0.1 <= block_gb < own_gb + 0.2
    assert own_gb + 0.1 <= child_gb < own_gb + 0.2


def test_a_failed_step_is_an_error_with_its_call(installed, tmp_path):
    with pytest.raises(Spider2dError, match="exit code 3.*--some option"):
        run_command(WorkFolder(tmp_path), ["-c", "raise SystemExit(3)"], ["--some", "option"])


def test_a_step_that_is_interrupted_is_left_the_time_to_end(tmp_path):
    ready, saved = tmp_path / "ready", tmp_path / "saved"
    step = (
        "import pathlib, signal, sys, time\n"
        "def save(*_):\n"
        f"    time.sleep(1); pathlib.Path({str(saved)!r}).touch(); sys.exit(1)\n"
        "signal.signal(signal.SIGINT, save)\n"
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(60)\n"
    )
    program = (
        # Whatever started the tests may ignore it, as a shell does for what runs in its background.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from spider2d.baselines import nnunet_process as p; from pathlib import Path\n"
        "p.check_installed = lambda: None\n"
        f"p.run_command(p.WorkFolder(Path({str(tmp_path)!r})), ['-c', {step!r}], [])"
    )
    with (tmp_path / "messages").open("w") as messages:  # a pipe would be waited for until the step ends too
        parent = subprocess.Popen([sys.executable, "-c", program], start_new_session=True, stderr=messages)
    while not ready.exists():
        assert parent.poll() is None, (tmp_path / "messages").read_text()
        time.sleep(0.01)
    os.killpg(parent.pid, signal.SIGINT)  # as a terminal does: to both
    parent.wait(timeout=60)
    assert saved.exists() and "KeyboardInterrupt" in (tmp_path / "messages").read_text()
