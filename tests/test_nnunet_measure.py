import types

import numpy as np
import pytest
import torch
from painted_spine import LPS, PIR, paint_volume

from spider2d.baselines import nnunet_measure
from spider2d.baselines.nnunet_measure import measure, weights_mb
from spider2d.data.volume import write_volume

WINDOW = (1, 4, 8, 8)
GMAC = 2 * 27 * 4 * 8 * 8 / 1e9  # two filters of 27 weights at each voxel of the window


def predictor_of(classes_sra, n_windows):
    """Return what nnU-Net's predictor is here: it runs its network over windows and knows the answer."""
    network = torch.nn.Conv3d(1, 2, 3, padding=1, bias=False)
    seen = []

    def predict_single_npy_array(image, properties):
        seen.append((image, properties["spacing"]))
        for _ in range(n_windows):
            network(torch.zeros(1, *WINDOW))
        return classes_sra

    return types.SimpleNamespace(
        network=network,
        list_of_parameters=[network.state_dict()],
        predict_single_npy_array=predict_single_npy_array,
        seen=seen,
    )


@pytest.mark.parametrize("direction", [LPS, PIR])
def test_every_window_counts_and_the_seconds_are_from_file_to_label_file(monkeypatch, tmp_path, direction):
    volume, classes_sra = paint_volume(direction)
    write_volume(tmp_path / "scan.mha", volume)
    predictor = predictor_of(classes_sra, n_windows=3)
    written = []
    monkeypatch.setattr(nnunet_measure, "load_predictor", lambda model, windows, device: predictor)
    monkeypatch.setattr(nnunet_measure, "write_volume", lambda path, labels: written.append(labels))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    figures = measure(tmp_path / "model", {}, tmp_path / "scan.mha", repeats=2)
    assert figures["windows"] == 3
    assert figures["gmac_per_window"] == pytest.approx(GMAC)
    assert figures["gmac_per_volume"] == pytest.approx(3 * GMAC)
    assert figures["gmac_per_slice"] == pytest.approx(3 * GMAC / 9)
    assert figures["volume_shape_sra"] == [9, 151, 101]
    assert figures["volume_spacing_sra_mm"] == [4.0, 0.8, 0.8]
    assert 0 < figures["seconds_per_volume"] < 60 and figures["peak_memory_gb"] > 0.05
    assert len(written) == len(predictor.seen) == 1 + 2  # one run to warm up
    image, spacing = predictor.seen[0]
    assert image.shape == (1, 9, 151, 101) and spacing == pytest.approx([4.0, 0.8, 0.8])
    assert written[0].geometry == volume.geometry
    assert set(np.unique(written[0].array_zyx)) == {0, 1, 2, 3, 4, 100, 202, 203, 204}


def test_a_slow_network_is_timed_by_its_first_run_alone(monkeypatch, tmp_path):
    volume, classes_sra = paint_volume(LPS)
    write_volume(tmp_path / "scan.mha", volume)
    predictor = predictor_of(classes_sra, n_windows=1)
    monkeypatch.setattr(nnunet_measure, "load_predictor", lambda *_: predictor)
    monkeypatch.setattr(nnunet_measure, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    measure(tmp_path, {}, tmp_path / "scan.mha", repeats=5)
    assert len(predictor.seen) == 1


def test_file_size_is_that_of_the_weights():
    assert weights_mb({"weight": torch.zeros(1_000_000)}) == pytest.approx(4.0, abs=0.01)
