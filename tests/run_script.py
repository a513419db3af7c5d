"""Run a script of the project in a process of its own."""

import subprocess
import sys

from spider2d.cli import PROJECT_ROOT


def run_script(script, *words):
    return subprocess.run(
        [sys.executable, str(PROJECT_ROOT / script), *map(str, words)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
