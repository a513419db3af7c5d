import numpy as np
import pytest
import torch
from painted_spine import LPS, PIXEL_MM, ReadsIntensities, paint_classes, paint_volume, spec

from spider2d.data.volume import to_canonical
from spider2d.inference import look as look_module
from spider2d.inference import pixel_check
from spider2d.inference.look import Viewer
from spider2d.inference.pixel_check import FACTORS, believable_spacing
from spider2d.inference.segment import SegmentOptions, segment_volume
from spider2d.labels import CANAL, DISC, VERTEBRA, classes_of_labels

TRUE_HW = (143, 56)  # rows of the painted canal, columns of bodies and canal


class SureAtTrueSize(torch.nn.Module):
    """Reads the classes off the image; sure of them only where the spine shows at its true size."""

    def __init__(self, elsewhere=2.0):
        super().__init__()
        self.elsewhere, self.true_hw, self.calls = elsewhere, TRUE_HW, 0

    def forward(self, images):
        self.calls += 1
        shown = images[0, 0] > 0.02
        size = [int(shown.any(dim=axis).sum()) for axis in (1, 0)]
        true = np.allclose(size, self.true_hw, rtol=0.1)
        return ReadsIntensities()(images) * (1.0 if true else self.elsewhere / 200)


def stated(row_factor, column_factor):
    """A painted volume whose header states pixels too large by these factors."""
    spacing_sra_mm = (4.0, PIXEL_MM / row_factor, PIXEL_MM / column_factor)
    volume, classes_sra = paint_volume(LPS, spacing_sra_mm=spacing_sra_mm)
    return volume, classes_sra


def look(volume, network):
    array_sra, spacing_sra_mm = to_canonical(volume)
    return believable_spacing(Viewer(network, spec()), array_sra, spacing_sra_mm)[0]


def give_looks(monkeypatch, looks):
    """Let the sizes, in their order, give these shares and mm2."""
    pixels = iter([(share, sure_mm2 / PIXEL_MM**2) for share, sure_mm2 in looks])
    monkeypatch.setattr(look_module, "share_sure", lambda _: next(pixels))


class ReadsWithDoubt(torch.nn.Module):
    """Reads the classes off the image; worse, or without discs, where the spine covers few rows."""

    def __init__(self, doubt=0.0, loses_discs=False):
        super().__init__()
        self.doubt, self.loses_discs, self.calls = doubt, loses_discs, 0

    def forward(self, images):
        self.calls += 1
        logits = ReadsIntensities()(images)
        rows = int((images[0, 0] > 0.02).any(dim=1).sum())
        if rows < 500:  # at the usual size, and not at twice that
            logits = logits * (1 - self.doubt)
            if self.loses_discs:
                logits[:, DISC] = -1e3
        return logits


def tall_spine(row_mm, column_mm=PIXEL_MM):
    """Seven bodies and six discs, 35 rows from one to the next."""
    classes_sra = np.zeros((5, 7 * 35 + 20, 101), np.uint8)
    for top in range(8, 7 * 35, 35):
        classes_sra[:, top : top + 25, 30:66] = VERTEBRA
        classes_sra[:, top + 25 : top + 35, 31:65] = DISC
    classes_sra[:, 6 * 35 + 33 :, 30:66] = 0
    classes_sra[1:4, 4:-8, 66:86] = CANAL
    return paint_volume(LPS, classes_sra, (4.0, row_mm, column_mm))[0]


@pytest.mark.parametrize(
    ("row_mm", "column_mm", "seen_mm"),
    [
        (0.8, 0.8, (0.8, 0.8)),  # discs 28 mm apart
        (1.5, 0.8, (1.5, 0.8)),  # 52 mm
        (2.0, 0.8, (36 / 35, 0.8)),  # 70 mm
        (2.0, 1.6, (36 / 35, 1.6 * 36 / 70)),  # and bodies 56 mm deep
        (0.5, 0.8, (36 / 35, 0.8)),  # 17.5 mm
    ],
)
def test_discs_at_impossible_distances_tell_the_size(row_mm, column_mm, seen_mm):
    network = ReadsWithDoubt()
    assert look(tall_spine(row_mm, column_mm), network) == pytest.approx((4.0, *seen_mm), rel=0.02)
    assert network.calls == (1 if seen_mm == (row_mm, column_mm) else 2)


@pytest.mark.parametrize("network", [ReadsWithDoubt(doubt=0.98), ReadsWithDoubt(loses_discs=True)])
def test_the_size_that_discs_tell_must_be_read_as_well_as_the_stated_one(network):
    assert look(tall_spine(2.0), network) == (4.0, 2.0, PIXEL_MM)
    assert network.calls == 2


@pytest.mark.parametrize("factors", [(f, g) for f in FACTORS for g in (1.0, f)])
def test_the_size_at_which_the_network_is_sure_is_found(factors):
    volume, _ = stated(*factors)
    assert look(volume, SureAtTrueSize()) == pytest.approx((4.0, PIXEL_MM, PIXEL_MM))


def test_a_true_header_takes_one_look_and_is_kept():
    volume, network = stated(1, 1)[0], SureAtTrueSize()
    assert look(volume, network) == volume.geometry.spacing_sra_mm
    assert network.calls == 1


@pytest.mark.parametrize(
    ("as_stated", "tried", "other", "sure_mm2", "changed"),
    [
        (0.70, 0, 0.72, 5000, False),  # hardly better
        (0.70, 0, 0.73, 5000, True),
        (0.70, 3, 0.77, 5000, False),  # larger, which is always a little better
        (0.70, 3, 0.79, 5000, True),
        (0.50, 0, 0.60, 5000, False),  # better, but unsure
        (0.50, 0, 0.66, 5000, True),
        (0.50, 0, 0.66, 2000, False),  # sure of too little
    ],
)
def test_another_size_must_be_sure_and_clearly_better(
    monkeypatch, as_stated, tried, other, sure_mm2, changed
):
    """``tried`` is the place in FACTORS of the rows' factor that looks better."""
    network = SureAtTrueSize()
    give_looks(
        monkeypatch, [(share, sure_mm2) for share in [as_stated, *[0.1] * 2 * tried, other, *[0.1] * 20]]
    )
    volume = stated(1, 1)[0]
    expected_row_mm = PIXEL_MM * (FACTORS[tried] if changed else 1)
    assert look(volume, network) == pytest.approx((4.0, expected_row_mm, PIXEL_MM))
    assert network.calls == 1 + 2 * len(FACTORS)


def test_a_sure_network_looks_once(monkeypatch):
    give_looks(monkeypatch, [(pixel_check.WELL_READ, 5000), (1.0, 5000)])
    volume = stated(1, 1)[0]
    assert look(volume, SureAtTrueSize()) == volume.geometry.spacing_sra_mm


def test_fields_of_view_that_cannot_be_are_not_tried():
    volume = paint_volume(LPS, spacing_sra_mm=(4.0, 3.9, 3.9))[0]  # 151 rows: 589 mm
    network = SureAtTrueSize()
    look(volume, network)
    assert network.calls == 1 + 2 * sum(factor < 1 for factor in FACTORS)


@pytest.mark.parametrize("value", [0, 7])
def test_a_slice_of_hardly_more_than_one_value_does_no_harm(value):
    array_sra = np.full((3, 60, 60), 7, np.int16)
    array_sra[::2, 10:50] = np.arange(60)
    array_sra[1, 31, 31] = value
    assert believable_spacing(Viewer(SureAtTrueSize(), spec()), array_sra, (4.0, 1.0, 1.0))[0] == (
        4.0,
        1.0,
        1.0,
    )


def test_neighbouring_slices_are_seen_by_networks_that_look_at_them():
    class Channels(SureAtTrueSize):
        def forward(self, images):
            self.seen = images[0].mean(dim=(1, 2)).tolist()
            return super().forward(images)

    array_sra = to_canonical(stated(1, 1)[0]).array_sra
    network, plan = Channels(), spec(channel_offsets_mm=(-4.0, 0.0, 4.0))
    array_sra = array_sra * np.array([0.2, 0.4, 0.6, 0.8, 1, 0.5, 0.3, 0.2, 0.1])[:, None, None]
    believable_spacing(Viewer(network, plan), array_sra, (4.0, PIXEL_MM, PIXEL_MM))
    assert network.seen[1] > network.seen[0] > network.seen[2]


@pytest.mark.parametrize(
    ("stated", "other", "slices", "changed"),
    [
        ((0.50, 600), (0.50, 580), 1, True),  # 906 mm2 as stated: 1.51 times as much
        ((0.50, 600), (0.49, 700), 1, False),  # of a smaller share
        ((0.50, 600), (0.59, 570), 1, False),  # 891 mm2, 1.48 times as much
        ((0.50, 200), (0.59, 310), 1, False),  # of 484 mm2 as stated: too little
        ((0.50, 600), (0.59, 580), 9, False),  # a volume has other slices
        ((0.50, 2600), (0.64, 2600), 1, False),  # a slice through the bodies must be surer still
    ],
)
def test_a_lone_slice_beside_the_bodies_is_seen_smaller_if_more_of_it_is_then_surer(
    monkeypatch, stated, other, slices, changed
):
    looks = [stated] + [(0.4, 100.0)] * 20
    looks[1 + 2 * FACTORS.index(0.8) + 1] = other  # rows and columns by 0.8
    give_looks(monkeypatch, looks)
    array_sra = np.tile(np.arange(60.0), (slices, 60, 1))
    factor = 0.8 if changed else 1.0
    found, _ = believable_spacing(Viewer(SureAtTrueSize(), spec()), array_sra, (4.0, 1.0, 1.0))
    assert found == pytest.approx((4.0, factor, factor))


def test_of_several_sizes_beside_the_bodies_that_which_is_sure_of_most_is_taken(monkeypatch):
    looks = [(0.5, 600), *[(0.4, 100)] * 20]
    looks[1 + 2 * FACTORS.index(0.8) + 1] = (0.6, 640)  # 1000 mm2 as stated
    looks[1 + 2 * FACTORS.index(0.65) + 1] = (0.7, 420)  # 994 mm2 as stated
    give_looks(monkeypatch, looks)
    array_sra = np.tile(np.arange(60.0), (1, 60, 1))
    found, _ = believable_spacing(Viewer(SureAtTrueSize(), spec()), array_sra, (4.0, 1.0, 1.0))
    assert found == pytest.approx((4.0, 0.8, 0.8))


def test_rows_alone_or_larger_pixels_are_not_believed_beside_the_bodies(monkeypatch):
    give_looks(monkeypatch, [(0.5, 600), *[(0.6, 2400), (0.4, 100)] * 3, *[(0.6, 2400)] * 4])
    array_sra = np.tile(np.arange(60.0), (1, 60, 1))
    assert believable_spacing(Viewer(SureAtTrueSize(), spec()), array_sra, (4.0, 1.0, 1.0))[0] == (
        4.0,
        1.0,
        1.0,
    )


def test_a_slice_that_shows_little_bone_tells_nothing():
    shape = paint_classes().shape
    volume, _ = paint_volume(LPS, np.where(np.arange(shape[2]) < 40, paint_classes(), 0), (4.0, 1.0, 1.0))
    network = SureAtTrueSize()
    network.true_hw = (130, 10)  # at 0.8 mm: 104 x 8 mm2, less than two bodies
    assert look(volume, network) == volume.geometry.spacing_sra_mm
    assert network.calls == 1 + 2 * len(FACTORS)


def test_a_middle_slice_of_one_value_tells_nothing():
    network = SureAtTrueSize()
    array_sra = np.zeros((3, 40, 40), np.int16)
    array_sra[0] = np.arange(40)
    assert believable_spacing(Viewer(network, spec()), array_sra, (4.0, 1.0, 1.0))[0] == (4.0, 1.0, 1.0)
    assert network.calls == 0


def test_a_volume_with_a_wrong_header_is_segmented_as_it_looks_and_the_reader_told():
    volume, classes_sra = stated(0.55, 1)
    segmentation = segment_volume(volume, SureAtTrueSize(), spec())
    assert segmentation.labels.geometry == volume.geometry
    labels_sra = to_canonical(segmentation.labels).array_sra
    np.testing.assert_array_equal(classes_of_labels(labels_sra), classes_sra)
    assert np.unique(labels_sra).tolist() == [0, 1, 2, 3, 4, 100, 202, 203, 204]
    assert segmentation.report["spacing_sra_mm"] == pytest.approx([4.0, 1.45455, 0.8])
    assert segmentation.report["seen_spacing_sra_mm"] == pytest.approx([4.0, 0.8, 0.8])
    (warning,) = [w for w in segmentation.report["warnings"] if w["code"] == "pixel_size"]
    assert "more like 0.8 x 0.8 mm" in warning["message"] and "than 1.45 x 0.8 mm" in warning["message"]


def test_the_header_can_be_trusted_in_any_case():
    volume, _ = stated(0.55, 1)
    network = SureAtTrueSize()
    report = segment_volume(volume, network, spec(), SegmentOptions(trust_pixel_size=True)).report
    assert "pixel_size" not in [warning["code"] for warning in report["warnings"]]
    assert report["seen_spacing_sra_mm"] == report["spacing_sra_mm"]
