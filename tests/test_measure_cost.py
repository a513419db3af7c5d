import json

import pytest
import torch
from load_script import load_script
from painted_spine import LPS, paint_volume, spec

from spider2d import cli
from spider2d.checkpoint import save_checkpoint
from spider2d.data.volume import to_canonical, write_volume
from spider2d.inference.segment import Segmentation, SegmentOptions
from spider2d.models.unet2d import build_network
from spider2d.reports import measure_cost
from spider2d.training.cost import network_cost

script = load_script("experiments/measure_cost.py")


@pytest.fixture
def checkpoint(tmp_path):
    plan = spec(decoder_channels=(8, 8, 8, 8, 8), pixel_size_mm=1.6, encoder="tu-test_efficientnet")
    network = build_network(plan)
    save_checkpoint(tmp_path / "run" / "best.pt", plan, network.state_dict(), {})
    return tmp_path / "run" / "best.pt", network, plan


def test_measured_cost_of_a_real_network(checkpoint, tmp_path, capsys):
    path, network, plan = checkpoint
    volume = paint_volume(LPS)[0]
    write_volume(tmp_path / "scan.mha", volume)
    (path.parent / "cost.json").write_text('{"training_seconds": 61.0, "architecture": "noted"}')
    output = tmp_path / "scores" / "cost.json"
    words = ["--checkpoint", path, "--volume", tmp_path / "scan.mha", "--output", output, "--repeats", "1"]
    words.append("--trust-pixel-size")
    assert cli.run(script.main, script.parse_args([str(word) for word in words])) == 0
    cost = json.loads(output.read_text())
    shape, spacing = to_canonical(volume).array_sra.shape, to_canonical(volume).spacing_sra_mm
    slice_hw = tuple(round(n * mm / 1.6) for n, mm in zip(shape[1:], spacing[1:], strict=True))
    expected = network_cost(network, plan, slice_hw)
    assert cost["gmac_per_slice"] == pytest.approx(expected.gmac_per_slice)
    assert cost["gmac_per_volume"] == pytest.approx(shape[0] * expected.gmac_per_slice)
    assert cost["parameters"] == expected.parameters
    assert (cost["dimension"], cost["architecture"], cost["training_seconds"]) == ("2D", "unet2d", 61.0)
    assert cost["volume_shape_sra"] == list(shape)
    assert cost["model_file_mb"] == pytest.approx(path.stat().st_size / 1e6)
    assert 0 < cost["seconds_per_volume"] < 60 and cost["peak_memory_gb"] > 0.05
    assert "next: python src/compare_2d_3d.py" in capsys.readouterr().out


def test_the_look_whether_the_header_is_right_counts_unless_the_header_is_trusted(checkpoint):
    _, network, plan = checkpoint
    volume = paint_volume(LPS)[0]
    trusted, looked = (
        measure_cost._count_operations(network.eval(), plan, volume, trust_pixel_size=trusts)
        for trusts in (True, False)
    )
    n_slices = to_canonical(volume).array_sra.shape[0]
    assert looked > trusted * (n_slices + 2) / n_slices  # the middle slice at another size, and mirrored


def test_overlapping_windows_count_as_often_as_they_run(monkeypatch):
    network = torch.nn.Conv3d(1, 2, 3, padding=1, bias=False)

    def segment(volume, network, spec, options):
        for _ in range(3):
            network(torch.zeros(1, 1, 4, 8, 8))

    monkeypatch.setattr(measure_cost, "segment_volume", segment)
    gmac = measure_cost._count_operations(network, None, None, trust_pixel_size=True)
    assert gmac == pytest.approx(3 * 2 * 27 * 4 * 8 * 8 / 1e9)


def test_missing_checkpoint_is_a_clear_error(tmp_path, capsys):
    assert cli.run(script.main, script.parse_args(["--checkpoint", str(tmp_path / "none.pt")])) == 1
    assert "no such checkpoint; python src/train.py makes one" in capsys.readouterr().err


@pytest.mark.parametrize(("slow_seconds", "n_runs"), [(1e9, 3), (0.0, 1)])
def test_slow_network_is_timed_by_its_first_run(monkeypatch, tmp_path, slow_seconds, n_runs):
    volume, runs = paint_volume(LPS)[0], []
    write_volume(tmp_path / "scan.mha", volume)

    def segment(image, network, spec, options):
        runs.append(image)
        return Segmentation(volume, {})

    monkeypatch.setattr(measure_cost, "segment_volume", segment)
    monkeypatch.setattr(measure_cost, "SLOW_SECONDS", slow_seconds)
    assert measure_cost._median_seconds(None, None, tmp_path / "scan.mha", SegmentOptions(), repeats=2) > 0
    assert len(runs) == n_runs
