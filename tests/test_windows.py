import numpy as np
import pytest
import torch
from painted_spine import LEVELS, LPS, PIR, PIXEL_MM, paint_classes, paint_volume

from spider2d.data.volume import to_canonical
from spider2d.inference.segment import CPU_BATCH_VOXELS, SegmentOptions, choose_batch_size, segment_volume
from spider2d.inference.windows import gaussian_weights, predict_windows, window_starts
from spider2d.labels import classes_of_labels
from spider2d.models.volume_spec import Unet3dSpec


def spec(**changes):
    settings = {
        "pixel_size_mm": PIXEL_MM,
        "slice_spacing_mm": 4.0,
        "patch_shw": (4, 64, 32),
        "channels": (4, 4, 4),
        "offset_head": False,
    }
    return Unet3dSpec(**settings | changes)


class ReadsVoxels(torch.nn.Module):
    """Gives each voxel the class whose normalised intensity is nearest; offsets are its intensity."""

    def __init__(self, offset_head=False):
        super().__init__()
        self.offset_head, self.shapes = offset_head, []

    def forward(self, windows):
        self.shapes.append(tuple(windows.shape))
        logits = -200.0 * (windows.float() - torch.tensor(LEVELS).reshape(1, 4, 1, 1, 1)) ** 2
        return torch.cat([logits, windows, -windows], dim=1) if self.offset_head else logits


def predicted(stack, network=None, batch_size=3, **changes):
    return list(predict_windows(network or ReadsVoxels(), stack, 4.0, spec(**changes), batch_size))


def test_windows_begin_evenly_and_end_at_the_end():
    assert window_starts(10, 10, 0.5) == [0]
    assert window_starts(11, 10, 0.5) == [0, 1]
    assert window_starts(20, 10, 0.5) == [0, 5, 10]
    assert window_starts(280, 128, 0.25) == [0, 76, 152]
    assert window_starts(30, 10, 0.0) == [0, 10, 20]


def test_weights_are_one_in_the_middle_and_never_zero():
    weights = gaussian_weights((5, 9, 7))
    assert weights[2, 4, 3] == 1
    assert weights.min() > 0
    # half a side from the middle is four standard deviations: exp(-8), raised to the least weight
    assert gaussian_weights((1, 1, 8))[0, 0, 0] == pytest.approx(np.exp(-((3.5) ** 2) / 2), rel=1e-3)


# Windows of 4 x 64 x 32 begin every 2, 32 and 16 voxels or less: 4 x 4 x 6, one, and 1 x 1 x 2.
@pytest.mark.parametrize(("shape", "n_windows"), [((9, 151, 101), 96), ((2, 40, 20), 1), ((4, 64, 33), 2)])
def test_every_voxel_is_predicted_once_all_windows_are_averaged(shape, n_windows):
    stack = np.random.default_rng(0).random(shape).astype(np.float32)
    network = ReadsVoxels(offset_head=True)
    batches = predicted(stack, network, offset_head=True)
    assert [batch.slice_indices for batch in batches] == [[i] for i in range(shape[0])]
    offsets = torch.cat([batch.offsets_mm for batch in batches]).numpy()
    np.testing.assert_allclose(offsets[:, 0], 10 * stack, atol=1e-4)  # OFFSET_UNIT_MM = 10
    np.testing.assert_allclose(offsets[:, 1], -10 * stack, atol=1e-4)
    assert {shape[2:] for shape in network.shapes} == {(4, 64, 32)}
    assert sum(shape[0] for shape in network.shapes) == n_windows


def test_batches_do_not_change_the_result():
    stack = np.random.default_rng(0).random((9, 70, 50)).astype(np.float32)
    one, many = (predicted(stack, batch_size=n) for n in (1, 7))
    for first, second in zip(one, many, strict=True):
        torch.testing.assert_close(first.probabilities, second.probabilities)


@pytest.mark.parametrize("network_mm", [2.0, 4.0, 9.0])
def test_structures_return_to_their_slices_from_any_grid(network_mm):
    stack = np.broadcast_to(np.linspace(0, 1, 12, dtype=np.float32)[:, None, None], (12, 64, 32))
    described = spec(slice_spacing_mm=network_mm, offset_head=True)
    batches = predict_windows(ReadsVoxels(True), np.array(stack), 4.0, described, 2)
    offsets = torch.cat([batch.offsets_mm for batch in batches]).numpy()[:, 0, 30, 15] / 10
    np.testing.assert_allclose(offsets[3:-3], np.linspace(0, 1, 12)[3:-3], atol=0.01)


@pytest.mark.parametrize("direction", [LPS, PIR], ids=["LPS", "PIR"])
def test_a_painted_spine_comes_back_through_the_whole_way(direction):
    volume, classes_sra = paint_volume(direction)
    segmentation = segment_volume(volume, ReadsVoxels(), spec())
    labels_sra = to_canonical(segmentation.labels).array_sra
    np.testing.assert_array_equal(classes_of_labels(labels_sra), classes_sra)
    assert np.unique(labels_sra).tolist() == [0, 1, 2, 3, 4, 100, 202, 203, 204]
    assert segmentation.labels.geometry == volume.geometry


def test_mirrored_windows_are_turned_back_before_they_are_averaged():
    one_sided = paint_classes()[3:7]  # as deep as a window
    one_sided[2:] = 0
    volume, _ = paint_volume(LPS, one_sided)
    plain = segment_volume(volume, ReadsVoxels(), spec())
    averaged = segment_volume(volume, ReadsVoxels(), spec(), SegmentOptions(test_time_augmentation=True))
    assert np.mean(plain.labels.array_zyx != averaged.labels.array_zyx) < 0.02
    confidences = [instance["confidence"] for instance in averaged.report["instances"]]
    assert len(confidences) >= 5 and np.median(confidences) > 0.9  # one of four variants: 0.75 if not turned


def test_small_windows_go_through_together():
    assert choose_batch_size((16, 128, 96), SegmentOptions()) == CPU_BATCH_VOXELS // (16 * 128 * 96) == 2
    assert choose_batch_size((64, 192, 192), SegmentOptions()) == 1
