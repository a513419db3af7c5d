import numpy as np
import pytest
import torch
from painted_spine import LPS, ReadsIntensities, paint_volume, spec

from spider2d.data.volume import from_canonical, to_canonical
from spider2d.inference import look
from spider2d.inference.front_back import MIN_GAIN, is_front_back_exchanged
from spider2d.inference.look import MIN_SURE_MM2, Look, Viewer, share_sure
from spider2d.inference.segment import segment_volume
from spider2d.labels import CANAL, VERTEBRA


class SureOfTrueSides(torch.nn.Module):
    """Reads the classes off the image; not quite sure of them where the canal lies in front of the bodies."""

    def forward(self, images):
        logits = ReadsIntensities()(images)
        columns = [(logits[0].argmax(dim=0) == k).nonzero()[:, 1].float().mean() for k in (VERTEBRA, CANAL)]
        return logits * (1.0 if columns[1] > columns[0] else 0.015)


def mirrored(volume):
    """The volume as if its columns ran the other way."""
    return from_canonical(np.ascontiguousarray(to_canonical(volume).array_sra[..., ::-1]), volume)


@pytest.mark.parametrize("is_exchanged", [False, True])
def test_a_volume_with_front_and_back_exchanged_is_told(is_exchanged):
    volume = paint_volume(LPS)[0]
    report = segment_volume(mirrored(volume) if is_exchanged else volume, SureOfTrueSides(), spec()).report
    assert ("front_back" in [warning["code"] for warning in report["warnings"]]) == is_exchanged


@pytest.mark.parametrize(
    ("stated", "other", "is_exchanged"),
    [
        ((0.8, 2 * MIN_SURE_MM2), (0.8 + 0.9 * MIN_GAIN, 2 * MIN_SURE_MM2), False),
        ((0.8, 2 * MIN_SURE_MM2), (0.8 + 1.1 * MIN_GAIN, 2 * MIN_SURE_MM2), True),
        ((0.5, 0.9 * MIN_SURE_MM2), (0.9, 0.9 * MIN_SURE_MM2), False),  # beside the bodies
    ],
)
def test_the_mirrored_slice_must_be_surer_of_enough(monkeypatch, stated, other, is_exchanged):
    plan = spec()
    monkeypatch.setattr(look, "share_sure", lambda _: (other[0], other[1] / plan.pixel_size_mm**2))
    array_sra, spacing_sra_mm = to_canonical(paint_volume(LPS)[0])
    viewer = Viewer(ReadsIntensities(), plan)
    found = is_front_back_exchanged(viewer, array_sra, spacing_sra_mm, Look(*stated))
    assert found == is_exchanged
    assert not is_front_back_exchanged(viewer, array_sra, spacing_sra_mm, None)


def test_share_sure_counts_pixels_by_their_probability_of_being_a_structure():
    sure, half, background = [0.0, 1.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]
    pixels = torch.tensor([[sure, half, background]]).permute(2, 0, 1)[None]
    assert share_sure(pixels) == pytest.approx((1 / 1.5, 1.0))
    assert share_sure(torch.tensor(background)[None, :, None, None]) == (0.0, 0.0)
