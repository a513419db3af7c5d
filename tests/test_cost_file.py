import subprocess
import sys

import pytest

from spider2d.cost_file import Cost, add_cost, peak_memory_gb, read_cost, write_cost
from spider2d.errors import ConfigError


def test_what_was_not_measured_stays_unknown(tmp_path):
    path = tmp_path / "cost.json"
    write_cost(path, Cost(parameters=5, volume_shape_sra=(17, 3, 4), volume_spacing_sra_mm=(4, 0.6, 0.6)))
    cost = read_cost(path)
    assert "seconds" not in path.read_text()
    assert cost.parameters == 5 and cost.gmac_per_volume is None
    assert cost.volume == "17 x 3 x 4 at 4 x 0.6 x 0.6 mm"
    assert Cost().volume is None


def test_measured_figures_win_over_noted_ones():
    cost = add_cost(Cost(parameters=1, training_seconds=60.0), Cost(parameters=2, device="here"))
    assert (cost.parameters, cost.training_seconds, cost.device) == (2, 60.0, "here")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"gmacs": 3}', "gmacs: no such key"),
        ('{"parameters": -1}', "parameters"),
        ('{"dimension": "4D"}', "dimension"),
        ('{"planned_steps": 2.5}', "planned_steps"),
        ("[1]", "one JSON object"),
        ('{"parameters": 1', "not readable as JSON"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, complaint):
    path = tmp_path / "cost.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        read_cost(path)


def test_peak_memory_never_falls():
    before = peak_memory_gb()
    block = bytearray(b"x" * 50_000_000)
    assert 0.01 < before <= peak_memory_gb() < 500 and len(block) == 50_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hand memory down")
def test_peak_memory_is_not_that_of_the_process_that_started_this_one():
    block = bytearray(b"x" * 300_000_000)
    program = "from spider2d.cost_file import peak_memory_gb; print(peak_memory_gb())"
    started = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 0.01 < float(started.stdout) < 0.2 and len(block) == 300_000_000
