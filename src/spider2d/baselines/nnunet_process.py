"""A part of nnU-Net as a process of its own, with the time and the memory it took."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from spider2d.baselines.nnunet_folder import WorkFolder
from spider2d.cli import wait_for
from spider2d.cost_file import peak_memory_gb
from spider2d.errors import MissingPackageError, Spider2dError
from spider2d.models.volume_nets import INSTALL_COMMAND

_FOLDER_VARIABLES = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
_INEXACT_GB = 0.01
"""The system counts the memory of a process a little late."""


@dataclass(frozen=True)
class StepCost:
    """Wall time of a process, and the largest memory of it or one of its children.

    The memory is None where the system does not tell, as on Windows, or where it was not above that of the
    process that started it: Linux hands that down, and then nothing can be said.
    """

    seconds: float
    peak_memory_gb: float | None


def check_installed() -> None:
    """Raise MissingPackageError where nnU-Net is not installed."""
    if importlib.util.find_spec("nnunetv2") is None:
        raise MissingPackageError(
            f"this needs the package nnunetv2; in the folder of this project: {INSTALL_COMMAND}"
        )


def run_command(
    folder: WorkFolder, python_arguments: Sequence[str], arguments: Sequence[str], workers: int = 1
) -> StepCost:
    """Run a part of nnU-Net in a Python process of its own; its output goes to the terminal.

    Raises:
        MissingPackageError: nnU-Net is not installed.
        Spider2dError: It failed; its own message stands above.
    """
    check_installed()
    command = [sys.executable, *python_arguments, *arguments]
    start = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | environment(folder, workers))
    peak_gb = _wait(process)
    if process.returncode != 0:
        raise Spider2dError(
            f"nnU-Net ended with exit code {process.returncode}; its message stands above. The call was: "
            + " ".join(arguments)
        )
    return StepCost(round(time.perf_counter() - start, 1), peak_gb)


def environment(folder: WorkFolder, workers: int) -> dict[str, str]:
    """Return the variables by which nnU-Net finds its folders and bounds its processes."""
    folders = {name: str((folder.root / name).resolve()) for name in _FOLDER_VARIABLES}
    return folders | {"nnUNet_n_proc_DA": str(workers), "nnUNet_def_n_proc": "1", "nnUNet_compile": "f"}


def _wait(process: subprocess.Popen) -> float | None:
    """Wait for a process, after Ctrl-C too, and return its peak memory in GB, see `StepCost`."""
    if not hasattr(os, "wait4"):
        wait_for(process)
        return None
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except KeyboardInterrupt:
        wait_for(process)  # Ctrl-C reached it too, and it is left the time to end
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    peak_gb = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    inherited_gb = peak_memory_gb() if sys.platform == "linux" else 0.0
    return round(peak_gb, 3) if peak_gb > inherited_gb + _INEXACT_GB else None
