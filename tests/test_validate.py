import numpy as np
import pytest
import torch

from spider2d.data.slices import SeriesMeta, SliceSeries, SourceFingerprint
from spider2d.errors import DatasetError
from spider2d.labels import CLASS_NAMES, IGNORE_CLASS
from spider2d.models.spec import ModelSpec
from spider2d.training.overlays import series_picture
from spider2d.training.validate import (
    SeriesScore,
    describe_summary,
    dice_per_structure,
    predict_classes,
    score_series,
    summarise,
)

LABELLED = (True, True, True, True)


class ReadsClasses(torch.nn.Module):
    """Answers with the class that the image's value times 2 names: 0, 0.5, 1, 1.5."""

    def forward(self, images):
        return -100.0 * (2 * images - torch.arange(4.0).reshape(1, 4, 1, 1)) ** 2


def series_of(classes, sequence="t2", labelled=CLASS_NAMES[1:]):
    shape = classes.shape
    source = SourceFingerprint(path="x", size=1, mtime_ns=1)
    recipe = {
        "schema_version": 1,
        "source": "phantom",
        "image": source,
        "mask": source,
        "pixel_size_mm": 0.8,
        "labelled_classes": labelled,
        "patient": "1",
        "sequence": sequence,
        "subset": "validation",
    }
    meta = SeriesMeta(
        name="1_t2",
        recipe=recipe,
        spacing_sra_mm=(4.0, 0.8, 0.8),
        native_spacing_sra_mm=(4.0, 0.5, 0.5),
        native_shape_sra=shape,
        window=(0.0, 1.0),
        centres={},
        slice_classes=((),) * shape[0],
        unknown_labels=(),
    )
    return SliceSeries(meta, (np.minimum(classes, 3) / 2).astype(np.float16), classes, np.zeros_like(classes))


def test_dice_by_hand():
    reference = np.array([1, 1, 1, 0, 2, 3])
    prediction = np.array([1, 0, 0, 1, 2, 0])
    dice = dice_per_structure(prediction, reference, LABELLED)
    assert dice == pytest.approx({"vertebra": 2 * 1 / (2 + 3), "disc": 1.0, "canal": 0.0})


def test_structure_in_neither_array_has_no_entry_and_extra_one_has_zero():
    nothing = np.zeros(4, dtype=np.uint8)
    assert dice_per_structure(nothing, nothing, LABELLED) == {}
    assert dice_per_structure(nothing + 2, nothing, LABELLED) == {"disc": 0.0}


def test_ignored_voxels_and_unlabelled_classes_are_left_out():
    reference = np.array([1, IGNORE_CLASS, IGNORE_CLASS, 0])
    prediction = np.array([1, 1, 2, 2])
    assert dice_per_structure(prediction, reference, (True, True, False, True)) == {"vertebra": 1.0}


@pytest.mark.parametrize("batch_size", [1, 2, 5, 8])
def test_series_is_predicted_slice_by_slice_and_restacked_in_order(batch_size):
    classes = np.random.default_rng(0).integers(0, 4, (5, 37, 51)).astype(np.uint8)  # odd: needs padding
    spec = ModelSpec(pixel_size_mm=0.8, offset_head=False)
    series = series_of(classes)
    prediction = predict_classes(ReadsClasses(), series, spec, batch_size, "cpu", "fp32")
    assert prediction.dtype == np.uint8
    assert np.array_equal(prediction, classes)
    assert score_series(prediction, series).dice == {"vertebra": 1.0, "disc": 1.0, "canal": 1.0}


def test_dice_is_of_the_volume_not_the_mean_of_the_slices():
    reference = np.zeros((2, 4, 4), np.uint8)
    reference[0], reference[1, 0, 0] = 1, 1
    prediction = reference.copy()
    prediction[1, 0, 0] = 0  # the slice's own Dice is 0, the volume loses one voxel of 17
    assert score_series(prediction, series_of(reference)).dice["vertebra"] == pytest.approx(2 * 16 / 33)


def test_summary_is_the_mean_over_structures_of_the_means_over_series():
    scores = [
        SeriesScore("1_t1", "t1", {"vertebra": 0.8, "disc": 0.4, "canal": 0.6}),
        SeriesScore("1_t2", "t2", {"vertebra": 0.6, "canal": 1.0}),
        SeriesScore("2_t2", "t2", {"vertebra": 0.7, "disc": 0.8}),
    ]
    summary = summarise(scores)
    assert summary.dice == pytest.approx({"vertebra": 0.7, "disc": 0.6, "canal": 0.8})
    assert summary.score == pytest.approx(0.7)
    assert summary.by_sequence["t1"] == {"vertebra": 0.8, "disc": 0.4, "canal": 0.6}
    assert summary.by_sequence["t2"] == pytest.approx({"vertebra": 0.65, "disc": 0.8, "canal": 1.0})
    assert describe_summary(7, summary) == "step 7: 3D Dice 0.7000 (vertebra 0.700, disc 0.600, canal 0.800)"


def test_nothing_to_score_is_an_error():
    with pytest.raises(DatasetError, match="no Dice"):
        summarise([SeriesScore("1_t1", "t1", {})])


def test_picture_shows_the_slice_with_the_largest_labelled_area():
    classes = np.zeros((3, 8, 6), np.uint8)
    classes[1, 2:6, 1:5] = 1
    classes[2] = IGNORE_CLASS  # not labelled
    prediction = np.zeros_like(classes)
    picture = series_picture(prediction, series_of(classes))
    plain, reference, predicted = np.split(picture, 3, axis=1)
    assert picture.shape == (8, 18, 3)
    assert np.array_equal(plain, predicted)  # an empty prediction leaves the image as it is
    assert (reference != plain).any(axis=2).sum() == 16
