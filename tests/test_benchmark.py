"""experiments/benchmark.py on series of a size that takes no time."""

import subprocess
import sys

from spider2d.cli import PROJECT_ROOT

SCRIPT = PROJECT_ROOT / "experiments" / "benchmark.py"


def run(*words):
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--series", "2", "--shape", "7", "160", "128", *map(str, words)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_sections_print_their_figures_and_those_they_need():
    done = run("--sections", "scoring")
    assert done.returncode == 0, done.stderr
    titles = [line for line in done.stdout.splitlines() if line.endswith(":")]
    assert titles == ["phantom:", "extraction:", "scoring:"]
    assert "scoring, s/case" in done.stdout and done.stdout.count("peak memory GB") == 3


def test_a_missing_checkpoint_is_told_before_any_work(tmp_path):
    done = run("--checkpoint", tmp_path / "nothing.pt")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: ") and "nothing.pt: no such checkpoint" in done.stderr


def test_a_section_that_fails_is_one_message_after_its_own(tmp_path):
    (tmp_path / "damaged.pt").write_text("no network")
    done = run("--sections", "inference", "--checkpoint", tmp_path / "damaged.pt")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "the section 'inference' failed" in done.stderr and "damaged.pt" in done.stderr
