import os
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from spider2d.data import mr_transforms
from spider2d.data.augment import build_augmentation, intensity_transforms
from spider2d.data.data_config import AugmentConfig
from spider2d.data.normalise import CEILING, FLOOR
from spider2d.data.offline_albumentations import A
from spider2d.data.warp import draw_elastic, points_in_patch, source_maps

PATCH_HW = (96, 64)
ALWAYS = AugmentConfig(
    **{name: 1.0 for name, field in AugmentConfig.model_fields.items() if field.annotation is float}
    | {"aspect": 1.1, "rotate_degrees": 20, "shear_degrees": 8, "elastic_px": 2}
)
GEOMETRY_ONLY = AugmentConfig(
    affine=1, elastic=1, **dict.fromkeys(
        ("contrast", "intensity_curve", "bias_field", "noise", "blur", "low_resolution", "ringing",
         "saturation_band", "dropout"), 0.0),
)  # fmt: skip


def blocks(size_hw=(151, 127), block=12):
    """Return a label map of random blocks, so that any shift of image against mask shows."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 4, (size_hw[0] // block + 1, size_hw[1] // block + 1)).astype(np.uint8)
    return np.kron(coarse, np.ones((block, block), dtype=np.uint8))[: size_hw[0], : size_hw[1]]


def sample(n_channels=1):
    classes = blocks()
    image = np.repeat(classes[..., None] / np.float32(2), n_channels, axis=2).astype(np.float32)
    return image, classes, classes * 50, np.array([[75.0, 60.0], [-20.0, 300.0]])


def away_from_edges(labels):
    """Return the pixels (not of the frame) whose 5 x 5 neighbourhood holds one label only."""
    windows = np.lib.stride_tricks.sliding_window_view(labels, (5, 5))
    return np.pad(windows.min(axis=(2, 3)) == windows.max(axis=(2, 3)), 2)


@pytest.mark.parametrize("n_channels", [1, 3, 5])
@pytest.mark.parametrize("seed", range(6))
def test_image_and_masks_move_together(seed, n_channels):
    patch = build_augmentation(GEOMETRY_ONLY, PATCH_HW)(*sample(n_channels), seed=seed)
    inside = away_from_edges(patch.classes)
    assert inside.mean() > 0.15
    expected = np.repeat(patch.classes[..., None] / 2, n_channels, axis=2)
    np.testing.assert_allclose(patch.image_hwc[inside], expected[inside], atol=0.02)
    np.testing.assert_array_equal(patch.instances, patch.classes * 50)


@pytest.mark.parametrize("seed", range(8))
def test_centres_move_with_the_image(seed):
    size = (181, 141)
    rows, columns = np.indices(size, dtype=np.float32)
    point = np.array([83.0, 71.0])
    spot = np.exp(-((rows - point[0]) ** 2 + (columns - point[1]) ** 2) / (2 * 3.0**2))[..., None]
    labelled = (spot[..., 0] > 0.9).astype(np.uint8)  # the patch is cut around the spot
    patch = build_augmentation(GEOMETRY_ONLY, (128, 96), foreground_crop=1)(
        spot, labelled, labelled, [point], seed=seed
    )
    weights = patch.image_hwc[..., 0] ** 2
    rows, columns = np.indices(weights.shape)
    seen = np.array([(weights * rows).sum(), (weights * columns).sum()]) / weights.sum()
    np.testing.assert_allclose(patch.centres_rc[0], seen, atol=0.7)


def test_points_are_the_inverse_of_the_maps():
    rng = np.random.default_rng(1)
    centre, matrix = np.array([70.0, 50.0]), np.array([[0.9, 0.2], [-0.3, 1.1]])
    elastic = draw_elastic(rng, 2.0, PATCH_HW)
    rows, columns = source_maps(PATCH_HW, centre, matrix, elastic)
    pixels = rng.integers(0, PATCH_HW, (50, 2))
    sources = np.stack([rows[tuple(pixels.T)], columns[tuple(pixels.T)]], axis=1)
    np.testing.assert_allclose(points_in_patch(sources, PATCH_HW, centre, matrix, elastic), pixels, atol=0.5)
    plain = source_maps(PATCH_HW, centre, matrix, None)
    sources = np.stack([m[tuple(pixels.T)] for m in plain], axis=1)
    np.testing.assert_allclose(points_in_patch(sources, PATCH_HW, centre, matrix, None), pixels, atol=1e-4)


def test_centres_outside_the_patch_survive():
    patch = build_augmentation(GEOMETRY_ONLY, PATCH_HW)(*sample(), seed=0)
    assert patch.centres_rc.shape == (2, 2)
    assert (patch.centres_rc[1] < 0).any() or (patch.centres_rc[1] > PATCH_HW).any()


def test_no_centres_are_fine():
    image, classes, instances, _ = sample()
    patch = build_augmentation(ALWAYS, PATCH_HW)(image, classes, instances, np.zeros((0, 2)), seed=0)
    assert patch.centres_rc.shape == (0, 2)


@pytest.mark.parametrize("n_channels", [1, 2, 5])
def test_everything_switched_on_keeps_shape_type_and_range(n_channels):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        augmentation = build_augmentation(ALWAYS, PATCH_HW)
        for seed in range(5):
            patch = augmentation(*sample(n_channels), seed=seed)
            assert patch.image_hwc.shape == (*PATCH_HW, n_channels)
            assert patch.image_hwc.dtype == np.float32
            assert patch.classes.shape == patch.instances.shape == PATCH_HW
            assert patch.classes.dtype == patch.instances.dtype == np.uint8
            assert FLOOR <= patch.image_hwc.min() <= patch.image_hwc.max() <= CEILING


def test_a_seed_decides_alone():
    augmentation, other = (build_augmentation(ALWAYS, PATCH_HW) for _ in range(2))
    other = pickle.loads(pickle.dumps(other))  # as a loader's worker gets it
    first = augmentation(*sample(), seed=5)
    different = augmentation(*sample(), seed=6)
    again, elsewhere = augmentation(*sample(), seed=5), other(*sample(), seed=5)
    for field in range(4):
        np.testing.assert_array_equal(again[field], first[field])
        np.testing.assert_array_equal(elsewhere[field], first[field])
    assert not np.array_equal(different.image_hwc, first.image_hwc)


def test_the_input_is_left_alone():
    given, kept = sample(), sample()
    build_augmentation(ALWAYS, PATCH_HW)(*given, seed=3)
    for array, copy in zip(given, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_transforms_are_drawn_independently_of_each_other():
    half = AugmentConfig(affine=0, elastic=0, blur=0.5, noise=0.5, dropout=0.5)
    augmentation = build_augmentation(half, PATCH_HW)
    transforms = {type(t).__name__: t for t in augmentation._pipeline.transforms}
    happened = []
    for seed in range(60):
        augmentation(*sample(), seed=seed)
        happened.append([bool(transforms[name].params) for name in ("GaussianBlur", "Noise", "Dropout")])
    assert len({tuple(row) for row in happened}) == 8  # every combination, not all or none


def test_without_augmentation_a_patch_is_cut_and_nothing_changed():
    image, classes, instances, centres = sample()
    image = np.random.default_rng(0).random(image.shape, dtype=np.float32)
    patch = build_augmentation(None, PATCH_HW)(image, classes, instances, centres, seed=4)
    top, left = np.round(centres[0] - patch.centres_rc[0]).astype(int)
    cut = np.s_[top : top + PATCH_HW[0], left : left + PATCH_HW[1]]
    np.testing.assert_allclose(patch.image_hwc, image[cut], atol=1e-6)
    np.testing.assert_array_equal(patch.classes, classes[cut])


def test_beyond_a_small_slice_lie_floor_and_background():
    image, classes = np.full((33, 20, 1), 0.7, dtype=np.float32), np.full((33, 20), 2, dtype=np.uint8)
    patch = build_augmentation(None, PATCH_HW)(image, classes, classes, np.zeros((0, 2)), seed=0)
    assert (patch.classes == 2).sum() == pytest.approx(33 * 20, rel=0.1)
    outside = patch.classes == 0
    assert patch.image_hwc[outside].mean() < 0.01  # only the interpolated edge is above the floor


def test_never_a_flip_and_scale_and_rotation_stay_in_their_limits():
    rows, columns = (m.astype(np.float32) for m in np.indices((151, 127)))
    config = GEOMETRY_ONLY.model_copy(update={"elastic": 0.0, "shear_degrees": 0.0})
    labelled = np.ones((151, 127), dtype=np.uint8)
    for seed in range(20):
        corners = np.array([[70.0, 60.0], [80.0, 60.0], [70.0, 70.0]])
        patch = build_augmentation(config, PATCH_HW)(
            rows[..., None] * 0, labelled, labelled, corners, seed=seed
        )
        down, right = (patch.centres_rc[1:] - patch.centres_rc[0]) / 10
        assert down[0] * right[1] - down[1] * right[0] > 0  # orientation is kept
        assert down[0] > 0 and right[1] > 0
        assert 0.7 < np.sqrt(down[0] * right[1] - down[1] * right[0]) < 1.4
        assert abs(np.degrees(np.arctan2(down[1], down[0]))) < 21.5  # 20 degrees and the change of aspect


@pytest.mark.parametrize("aspect", [1.0, 1.5])
def test_height_over_width_changes_within_its_limit(aspect):
    fixed = {"elastic": 0.0, "shear_degrees": 0.0, "rotate_degrees": 0.0, "scale": (1.0, 1.0)}
    config, classes = GEOMETRY_ONLY.model_copy(update=fixed | {"aspect": aspect}), blocks()
    ratios = []
    for seed in range(30):
        corners = np.array([[70.0, 60.0], [80.0, 60.0], [70.0, 70.0]])
        patch = build_augmentation(config, PATCH_HW)(classes[..., None] / 4, classes, classes, corners, seed)
        (height, _), (_, width) = (patch.centres_rc[1:] - patch.centres_rc[0]) / 10
        assert height * width == pytest.approx(1)
        ratios.append(height / width)
    assert 1 / aspect - 1e-6 <= min(ratios) <= max(ratios) <= aspect + 1e-6
    assert max(ratios) / min(ratios) >= aspect**1.5


@pytest.mark.parametrize("transform", [type(t) for t in intensity_transforms(AugmentConfig())])
def test_each_change_of_intensity_changes_the_image_but_not_the_mask(transform):
    image, classes, *_ = sample(3)
    pipeline = A.Compose([transform(p=1.0)], seed=0)
    result = pipeline(image=image / 4, mask=classes)
    assert not np.array_equal(result["image"], image / 4)
    assert result["image"].dtype == np.float32
    np.testing.assert_array_equal(result["mask"], classes)


@pytest.mark.parametrize(
    "transform", [mr_transforms.Contrast, mr_transforms.IntensityCurve, mr_transforms.BiasField,
                  mr_transforms.LowResolution, mr_transforms.Ringing, mr_transforms.SaturationBand]
)  # fmt: skip
def test_channels_change_alike(transform):
    image = sample(3)[0] / 4
    result = A.Compose([transform(p=1.0)], seed=1)(image=image)["image"]
    np.testing.assert_allclose(result, result[..., :1].repeat(3, axis=2), atol=1e-6)


def test_air_stays_dark_in_every_intensity_curve():
    image = np.float32([[0.0, 0.02, 0.03, 0.09, 0.4, 1.0]])[..., None]
    for seed in range(50):
        new = A.Compose([mr_transforms.IntensityCurve(p=1.0)], seed=seed)(image=image)["image"][0, :, 0]
        np.testing.assert_allclose(new[:3], image[0, :3, 0], atol=1e-6)
        assert (new[3:] > 0.03).all() and new.max() < 0.54


def test_albumentations_is_imported_in_one_place_that_keeps_it_offline():
    sources = (Path(mr_transforms.__file__).parents[1]).rglob("*.py")
    importing = [
        path.name
        for path in sources
        if re.search(r"^(import|from) albumentations", path.read_text("utf-8"), re.M)
    ]
    assert importing == ["offline_albumentations.py"]
    assert os.environ["NO_ALBUMENTATIONS_UPDATE"] == "1"
