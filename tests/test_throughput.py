import torch
from tiny_slices import tiny_config, write_slices

from spider2d.training.throughput import measure_throughput


def test_all_three_speeds_are_measured_and_nothing_is_written(tmp_path):
    config = tiny_config(write_slices(tmp_path), training={"steps": 20, "workers": 0})
    before = sorted(tmp_path.iterdir())
    result = measure_throughput(config, torch.device("cpu"), n_steps=3)
    assert result.loader_samples_per_second > 0
    assert result.real_steps_per_second > 0
    assert result.memory_steps_per_second > 0
    assert (result.workers, result.precision, result.device) == (0, "fp32", "cpu")
    assert sorted(tmp_path.iterdir()) == before
