import numpy as np
import pytest
from painted_spine import LPS, PIR, PIXEL_MM, ReadsIntensities, paint_classes, paint_volume, spec

from spider2d.data.geometry import Grid2d, promote_2d
from spider2d.data.volume import Volume, from_canonical, to_canonical
from spider2d.errors import VolumeError
from spider2d.inference.segment import (
    CPU_BATCH_PIXELS,
    SegmentOptions,
    choose_batch_size,
    segment_volume,
)
from spider2d.labels import VERTEBRA, classes_of_labels


def segment(volume, options=None, **changes):
    return segment_volume(volume, ReadsIntensities(), spec(**changes), options)


@pytest.mark.parametrize("direction", [LPS, PIR], ids=["LPS", "PIR"])
def test_painted_spine_comes_back_on_the_grid_of_the_oblique_input(direction):
    volume, classes_sra = paint_volume(direction)
    segmentation = segment(volume)
    assert segmentation.labels.geometry == volume.geometry
    assert segmentation.labels.array_zyx.shape == volume.array_zyx.shape
    assert segmentation.labels.array_zyx.dtype == np.uint8
    labels_sra = to_canonical(segmentation.labels).array_sra
    np.testing.assert_array_equal(classes_of_labels(labels_sra), classes_sra)
    assert np.unique(labels_sra).tolist() == [0, 1, 2, 3, 4, 100, 202, 203, 204]
    assert (labels_sra[4, 9:32, 40] == 4).all()  # the topmost body


def test_report_counts_what_was_painted():
    volume, classes_sra = paint_volume(LPS)
    report = segment(volume).report
    by_label = {instance["label"]: instance for instance in report["instances"]}
    assert by_label[4]["voxels"] == 7 * 25 * 36
    assert by_label[4]["volume_ml"] == pytest.approx(7 * 25 * 36 * 4 * PIXEL_MM**2 / 1000, abs=1e-3)
    assert by_label[100]["class"] == "canal"
    assert min(instance["confidence"] for instance in report["instances"]) > 0.99
    assert report["shape_sra"] == list(classes_sra.shape)
    assert list(report["seconds"]) == ["header check", "prepare", "network", "restack", "instances", "report"]
    assert all(seconds >= 0 for seconds in report["seconds"].values())


@pytest.mark.parametrize("spacing_sra_mm", [(4.0, 0.4, 0.4), (4.0, 1.23, 0.9), (3.3, 0.24, 0.61)])
def test_other_pixel_sizes_keep_every_structure_in_place(spacing_sra_mm):
    shape = tuple(round(n * PIXEL_MM / mm) for n, mm in zip((151, 101), spacing_sra_mm[1:], strict=True))
    rows, columns = (
        np.minimum((np.arange(n) + 0.5) * old / n, old - 1).astype(int)
        for n, old in zip(shape, (151, 101), strict=True)
    )
    classes_sra = paint_classes()[:, rows[:, None], columns]
    volume, _ = paint_volume(PIR, classes_sra, spacing_sra_mm)
    found = classes_of_labels(to_canonical(segment(volume).labels).array_sra)
    assert found.shape == classes_sra.shape
    for kind in (1, 2, 3):  # mixed pixels at borders look like other classes
        dice = (
            2
            * ((found == kind) & (classes_sra == kind)).sum()
            / ((found == kind).sum() + (classes_sra == kind).sum())
        )
        assert dice > 0.9
    centre = [np.mean(np.nonzero(found == VERTEBRA)[axis]) for axis in (1, 2)]
    expected = [np.mean(np.nonzero(classes_sra == VERTEBRA)[axis]) for axis in (1, 2)]
    assert np.abs(np.subtract(centre, expected)).max() < 0.5


def test_batches_and_augmentation_do_not_change_a_clear_answer():
    volume, classes_sra = paint_volume(LPS)
    labels = segment(volume).labels.array_zyx
    one_slice = segment(volume, SegmentOptions(batch_pixels=1)).labels.array_zyx
    all_slices = segment(volume, SegmentOptions(batch_pixels=10**9)).labels.array_zyx
    np.testing.assert_array_equal(one_slice, labels)
    np.testing.assert_array_equal(all_slices, labels)
    augmented = segment(volume, SegmentOptions(test_time_augmentation=True)).labels.array_zyx
    assert (classes_of_labels(augmented) == classes_of_labels(labels)).mean() > 0.97


@pytest.mark.parametrize(
    ("n_slices", "wanted", "augmented"),
    [(9, None, False), (1, None, True), (9, True, True), (1, False, False)],
)
def test_a_single_slice_is_averaged_over_variants_unless_told_otherwise(n_slices, wanted, augmented):
    classes_sra = paint_classes()[4 : 4 + n_slices] if n_slices == 1 else paint_classes()
    volume, _ = paint_volume(LPS, classes_sra)
    report = segment(volume, SegmentOptions(test_time_augmentation=wanted)).report
    assert report["test_time_augmentation"] is augmented


def test_a_promoted_2d_image_is_segmented_and_stays_2d():
    volume, classes_sra = paint_volume(LPS)
    image_hw = to_canonical(volume).array_sra[4]
    grid = Grid2d((5.0, -3.0), (0.0, 1.0, 1.0, 0.0))
    geometry = promote_2d(image_hw.shape[::-1], (PIXEL_MM, PIXEL_MM), grid, "inferior-first")
    stored = np.ascontiguousarray(image_hw[::-1])[None]  # rows from inferior to superior
    segmentation = segment(Volume(stored, geometry), channel_offsets_mm=(-4, 0, 4))
    assert segmentation.labels.geometry.source_2d and segmentation.labels.geometry == geometry
    np.testing.assert_array_equal(classes_of_labels(segmentation.labels.array_zyx[0, ::-1]), classes_sra[4])
    assert {instance["volume_ml"] for instance in segmentation.report["instances"]} == {None}


def test_an_image_without_a_spine_gives_an_empty_mask_and_says_so():
    volume, _ = paint_volume(LPS)
    values = np.random.default_rng(0).integers(100, 130, volume.array_zyx.shape).astype(np.int16)
    segmentation = segment_volume(Volume(values, volume.geometry), SeesBackground(), spec())
    assert not segmentation.labels.array_zyx.any()
    assert [warning["code"] for warning in segmentation.report["warnings"]] == ["nothing_found"]


class SeesBackground(ReadsIntensities):
    def forward(self, images_nchw):
        return super().forward(images_nchw * 0)


@pytest.mark.parametrize("border_px", [0, 2, 12])
def test_a_vertebra_cut_below_a_black_border_is_told(border_px):
    classes_sra = paint_classes()[:, 20:]  # 13 of the 25 rows of the topmost body are left
    volume, _ = paint_volume(LPS, classes_sra)
    image_sra = np.pad(to_canonical(volume).array_sra, ((0, 0), (border_px, 0), (0, 0)))
    bordered, _ = paint_volume(LPS, np.pad(classes_sra, ((0, 0), (border_px, 0), (0, 0))))
    report = segment(from_canonical(image_sra, bordered)).report
    assert "topmost_vertebra_cut" in [warning["code"] for warning in report["warnings"]]


def test_a_constant_image_is_refused():
    volume, _ = paint_volume(LPS)
    with pytest.raises(VolumeError, match="one value"):
        segment(Volume(np.full_like(volume.array_zyx, 7), volume.geometry))


def test_an_impossible_field_of_view_is_refused_before_it_fills_the_memory():
    volume, _ = paint_volume(LPS, spacing_sra_mm=(4.0, 600.0, 600.0))
    with pytest.raises(VolumeError, match=r"90600.0 x 60600.0 mm.*spacing"):
        segment(volume)


def test_batch_size_follows_the_pixel_budget():
    assert choose_batch_size((100, 100), SegmentOptions(batch_pixels=45_000)) == 4
    assert choose_batch_size((1000, 1000), SegmentOptions(batch_pixels=45_000)) == 1
    assert choose_batch_size((256, 256), SegmentOptions()) == CPU_BATCH_PIXELS // 256**2
