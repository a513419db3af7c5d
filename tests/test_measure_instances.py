"""experiments/measure_instances.py on one phantom."""

import subprocess
import sys

from spider2d.cli import PROJECT_ROOT

SCRIPT = PROJECT_ROOT / "experiments" / "measure_instances.py"


def test_a_perfect_class_map_gives_every_instance_back():
    words = ["--patients", "1", "--variants", "healthy", "--thickness", "4.4 mm"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, encoding="utf-8", check=True
    )
    header, *rows = done.stdout.splitlines()
    assert header.split()[:4] == ["class", "map", "variant", "slices"]
    assert header.split()[-3:] == ["raw", "mean", "s"]
    perfect = [row.split() for row in rows if row.startswith("perfect")]
    assert len(perfect) == 3 and sum(row.startswith("degraded") for row in rows) == 3
    found, of, misnumbered, extra, worst = perfect[0][-9:-4]
    assert found == of and misnumbered == extra == "0" and float(worst) > 0.95
