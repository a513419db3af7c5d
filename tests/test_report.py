import json

import numpy as np
import pytest
import SimpleITK as sitk
from painted_spine import LPS, PIR, paint_volume

from spider2d.data.geometry import Geometry, Grid2d, promote_2d
from spider2d.data.volume import from_canonical, to_canonical
from spider2d.inference.instances import InstanceResult
from spider2d.inference.plausibility import Spine
from spider2d.inference.report import describe_instances, find_warnings, world_position

CUT_SPINE = Spine({2: 100.0}, {}, below_mm=80.0, topmost_incomplete=True)


@pytest.fixture(params=[LPS, PIR], ids=["LPS", "PIR"])
def volume(request):
    return paint_volume(request.param, np.zeros((5, 31, 21), np.uint8), (4.0, 0.5, 0.75))[0]


def boxes():
    """Vertebra 2 of 2 x 10 x 4 voxels inside, and the canal through the full height at the posterior side."""
    labels_sra = np.zeros((5, 31, 21), np.uint8)
    labels_sra[1:3, 10:20, 5:9] = 2
    labels_sra[2, :, 19:21] = 100
    return labels_sra


def test_volume_and_sides_checked_by_hand(volume):
    vertebra, canal = describe_instances(boxes(), np.full((5, 31, 21), 204, np.uint8), volume.geometry)
    assert (vertebra["label"], vertebra["class"], vertebra["voxels"]) == (2, "vertebra", 80)
    assert vertebra["volume_ml"] == pytest.approx(80 * 4 * 0.5 * 0.75 / 1000)
    assert vertebra["confidence"] == pytest.approx(0.8)
    assert not vertebra["touches_border"] and vertebra["border_sides"] == []
    assert canal["class"] == "canal" and canal["touches_border"]
    assert canal["border_sides"] == ["superior", "inferior", "posterior"]


def test_sides_at_the_corners(volume):
    labels_sra = np.zeros((5, 31, 21), np.uint8)
    labels_sra[0, 12:15, 0:3] = 3
    labels_sra[-1, 12:15, 10:12] = 4
    sides = [one["border_sides"] for one in describe_instances(labels_sra, None, volume.geometry)]
    assert sides == [["left", "anterior"], ["right"]]


def test_centroid_is_what_simpleitk_measures_on_the_written_grid(volume):
    labels = from_canonical(boxes(), volume)
    image = sitk.GetImageFromArray(labels.array_zyx)
    image.SetSpacing(volume.geometry.spacing_xyz_mm)
    image.SetOrigin(volume.geometry.origin_xyz_mm)
    image.SetDirection(volume.geometry.direction)
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.Execute(image)
    for instance in describe_instances(boxes(), np.ones((5, 31, 21), np.uint8), volume.geometry):
        assert instance["centroid_mm"] == pytest.approx(shapes.GetCentroid(instance["label"]), abs=0.006)
        assert instance["voxels"] == shapes.GetNumberOfPixels(instance["label"])


def test_patient_left_is_the_first_slice():
    volume, _ = paint_volume(np.eye(3), np.zeros((5, 31, 21), np.uint8))
    left, right = world_position((0, 0, 0), volume.geometry), world_position((4, 0, 0), volume.geometry)
    assert left[0] - right[0] == pytest.approx(16)  # LPS: x grows towards the left


def test_one_slice_has_no_sides_across_and_no_volume():
    labels_sra = np.zeros((1, 9, 9), np.uint8)
    labels_sra[0, 3:5, 3:5] = 7
    geometry = Geometry((1, 9, 9), (4.0, 1.0, 1.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel()))
    (instance,) = describe_instances(labels_sra, labels_sra, geometry)
    assert not instance["touches_border"]
    assert instance["volume_ml"] is None  # its thickness says little about the structure


def test_a_2d_image_has_positions_in_its_own_plane_and_no_millilitres():
    geometry = promote_2d(
        (20, 30), (0.5, 0.25), Grid2d((100.0, -10.0), (0.0, -1.0, 1.0, 0.0)), "inferior-first"
    )
    labels_sra = np.zeros(geometry.shape_sra, np.uint8)
    labels_sra[0, 0, 4] = 1  # canonical row 0 = superior = the file's last row, 29
    (instance,) = describe_instances(labels_sra, labels_sra, geometry)
    x_mm, y_mm = 4 * 0.5, 29 * 0.25
    assert instance["centroid_mm"] == pytest.approx([100 - y_mm, -10 + x_mm])
    assert instance["volume_ml"] is None


def test_nothing_found_is_an_empty_list_and_a_warning(volume):
    empty = np.zeros((5, 31, 21), np.uint8)
    assert describe_instances(empty, empty, volume.geometry) == []
    (warning,) = find_warnings([], InstanceResult(empty, []), volume.geometry)
    assert warning["code"] == "nothing_found" and warning["label"] is None


def codes(warnings):
    return [(warning["code"], warning["label"]) for warning in warnings]


def test_cut_vertebra_and_low_confidence_name_their_labels(volume):
    confidence = np.where(boxes() == 2, 100, 250).astype(np.uint8)
    instances = describe_instances(boxes(), confidence, volume.geometry)
    warnings = find_warnings(instances, InstanceResult(boxes(), ["a remark"], CUT_SPINE), volume.geometry)
    assert codes(warnings) == [("topmost_vertebra_cut", 2), ("low_confidence", 2), ("instances", None)]
    assert "0.39" in warnings[1]["message"] and warnings[2]["message"] == "a remark"


def test_doubts_of_the_spine_are_warnings(volume):
    spine = Spine({1: 100.0, 2: 100.0}, {202: 0.0}, below_mm=4.0, topmost_incomplete=False)
    instances = describe_instances(boxes(), np.full_like(boxes(), 255), volume.geometry)
    warnings = find_warnings(instances, InstanceResult(boxes(), [], spine), volume.geometry)
    assert codes(warnings) == [("lowest_doubtful", 1), ("lower_end_cut", None)]


def test_no_canal_is_remarked(volume):
    labels = np.where(boxes() == 2, 2, 0).astype(np.uint8)
    instances = describe_instances(labels, np.full_like(labels, 255), volume.geometry)
    assert codes(find_warnings(instances, InstanceResult(labels, []), volume.geometry)) == [
        ("no_canal", None)
    ]


@pytest.mark.parametrize(
    ("spacing_sra_mm", "expected"),
    [((4, 0.5, 0.75), 0), ((15, 0.5, 0.5), 1), ((0.2, 0.2, 0.2), 2), ((4, 2.0, 1.5), 2)],
)
def test_unusual_spacings_are_remarked(spacing_sra_mm, expected):
    volume, _ = paint_volume(LPS, np.zeros((5, 31, 21), np.uint8), spacing_sra_mm)
    warnings = find_warnings([], InstanceResult(np.zeros(1), []), volume.geometry)
    assert [warning["code"] for warning in warnings].count("unusual_spacing") == expected


def test_the_report_is_plain_json(volume):
    instances = describe_instances(boxes(), boxes(), volume.geometry)
    warnings = find_warnings(instances, InstanceResult(boxes(), [], CUT_SPINE), volume.geometry)
    assert json.loads(json.dumps([instances, warnings])) == [instances, warnings]
    assert to_canonical(volume).array_sra.shape == boxes().shape


@pytest.mark.parametrize(
    ("slices", "rows", "row_mm", "told"),
    [(2, 201, 1.0, True), (2, 199, 1.0, False), (2, 101, 2.0, True), (1, 201, 1.0, False)],
)
def test_few_vertebrae_in_a_tall_volume_are_told(slices, rows, row_mm, told):
    geometry = paint_volume(PIR, np.zeros((slices, rows, 21), np.uint8), (4.0, row_mm, 0.75))[0].geometry
    labels_sra = np.zeros((slices, rows, 21), np.uint8)
    labels_sra[0, 40:50, 5:9], labels_sra[0, 60:70, 5:9] = 2, 1
    instances = describe_instances(labels_sra, None, geometry)
    result = InstanceResult(labels_sra, [])
    assert (("few_vertebrae", None) in codes(find_warnings(instances, result, geometry))) == told


def test_exchanged_sides_are_told(volume):
    instances = describe_instances(boxes(), None, volume.geometry)
    result = InstanceResult(boxes(), [])
    assert codes(find_warnings(instances, result, volume.geometry, is_exchanged=True)) == [
        ("front_back", None)
    ]


def test_a_file_that_states_no_directions_is_told(volume):
    instances = describe_instances(boxes(), None, volume.geometry)
    warnings = find_warnings(instances, InstanceResult(boxes(), []), volume.geometry, directions_stated=False)
    assert codes(warnings) == [("no_directions", None)]
