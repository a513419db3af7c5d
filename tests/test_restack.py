import numpy as np
import pytest
import torch

from spider2d.inference.restack import CONFIDENCE_SCALE, restack
from spider2d.inference.slicewise import SliceBatch


def ramp_batch(slice_indices, height=10, width=16):
    """P(disc) rises linearly along the columns from 1/32 to 31/32; the rest is background."""
    disc = (torch.arange(width) + 0.5) / width
    probabilities = torch.zeros(len(slice_indices), 4, height, width)
    probabilities[:, 2], probabilities[:, 0] = disc, 1 - disc
    return SliceBatch(slice_indices, probabilities, None)


def test_probabilities_are_interpolated_and_not_classes():
    # The ramp crosses 1/2 between coarse columns 7 and 8, at column 8 * 2.5 = 20 of 40 fine ones.
    volume = restack([ramp_batch([0])], (1, 25, 40), with_offsets=False)
    assert volume.classes_sra.dtype == np.uint8
    assert (volume.classes_sra[0, :, :20] == 0).all() and (volume.classes_sra[0, :, 20:] == 2).all()
    # Inside the outermost coarse centres the interpolated ramp is the ramp itself.
    disc = (np.arange(40) + 0.5) / 40
    expected = np.rint(np.maximum(disc, 1 - disc) * CONFIDENCE_SCALE)
    difference = volume.confidence_sra[0, 12, 2:38].astype(int) - expected[2:38]
    assert np.abs(difference).max() <= 1


def test_an_uneven_crossing_lies_at_its_true_place():
    # P(vertebra) falls from 3/4 to 0 between the centres of coarse columns 7 and 8: 1/2 after a third of it.
    probabilities = torch.zeros(1, 4, 4, 16)
    probabilities[:, 1, :, :8] = 0.75
    probabilities[:, 0] = 1 - probabilities[:, 1]
    volume = restack([SliceBatch([0], probabilities, None)], (1, 4, 160), with_offsets=False)
    columns = np.flatnonzero(volume.classes_sra[0, 2] == 1)
    crossing_in_fine_pixels = (7.5 + 1 / 3) * 10
    assert columns.max() == int(crossing_in_fine_pixels - 0.5)


def test_going_to_coarser_pixels_keeps_the_place():
    volume = restack([ramp_batch([0], 31, 64)], (1, 15, 20), with_offsets=False)
    assert (volume.classes_sra[0, :, :10] == 0).all() and (volume.classes_sra[0, :, 10:] == 2).all()


def test_slices_are_never_mixed():
    batches = []
    for index in range(5):
        probabilities = torch.zeros(1, 4, 6, 6)
        probabilities[0, index % 4] = 1
        batches.append(SliceBatch([index], probabilities, None))
    volume = restack(batches, (5, 9, 7), with_offsets=False)
    for index in range(5):
        assert (volume.classes_sra[index] == index % 4).all()
    assert (volume.confidence_sra == CONFIDENCE_SCALE).all()
    assert volume.offsets_rc_mm is None


def test_batches_land_on_their_slices_and_missing_ones_stay_background():
    volume = restack([ramp_batch([3, 4]), ramp_batch([0])], (6, 10, 16), with_offsets=False)
    assert volume.classes_sra.any(axis=(1, 2)).tolist() == [True, False, False, True, True, False]
    assert not volume.confidence_sra[1].any()


def test_offsets_are_kept_in_mm_on_slices_with_a_finding():
    probabilities = torch.zeros(2, 4, 8, 8)
    probabilities[0, 1, 3:5, 3:5] = 1.0
    probabilities[:, 0] = 1 - probabilities[:, 1]
    offsets = torch.stack([torch.full((8, 8), 12.5), torch.full((8, 8), -3.0)]).expand(2, 2, 8, 8)
    volume = restack([SliceBatch([0, 1], probabilities, offsets)], (2, 16, 12), with_offsets=True)
    assert volume.offsets_rc_mm.shape == (2, 2, 16, 12) and volume.offsets_rc_mm.dtype == np.float16
    assert (volume.offsets_rc_mm[0, 0] == 12.5).all() and (volume.offsets_rc_mm[1, 0] == -3).all()
    assert not volume.offsets_rc_mm[:, 1].any()


def test_the_native_size_itself_is_passed_through_exactly():
    rng = np.random.default_rng(1)
    probabilities = torch.from_numpy(rng.dirichlet(np.ones(4), (3, 13, 11)).astype(np.float32)).permute(
        0, 3, 1, 2
    )
    volume = restack([SliceBatch([0, 1, 2], probabilities, None)], (3, 13, 11), with_offsets=False)
    np.testing.assert_array_equal(volume.classes_sra, probabilities.argmax(dim=1).numpy())
    assert volume.confidence_sra / 255 == pytest.approx(probabilities.max(dim=1).values.numpy(), abs=0.002)


def test_vertebrae_end_at_the_wanted_share_of_their_highest_probability():
    probabilities = torch.zeros(1, 4, 4, 6)
    probabilities[0, 1] = torch.tensor([1.0, 0.75, 0.6, 0.4, 0.1, 0.0])
    probabilities[0, 0] = 1 - probabilities[0, 1]
    wide, tight = (
        restack([SliceBatch([0], probabilities, None)], (1, 4, 6), False, level) for level in (0, 0.7)
    )
    assert (wide.classes_sra[0] == [1, 1, 1, 0, 0, 0]).all()
    assert (tight.classes_sra[0] == [1, 1, 0, 0, 0, 0]).all()
    assert (tight.confidence_sra[0] == [255, 191, 102, 153, 230, 255]).all()
    assert (wide.confidence_sra[0] == [255, 191, 153, 153, 230, 255]).all()


def test_discs_keep_their_outline():
    wide, tight = (restack([ramp_batch([0])], (1, 10, 16), False, level) for level in (0, 0.9))
    np.testing.assert_array_equal(wide.classes_sra, tight.classes_sra)
