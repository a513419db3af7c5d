"""The phantom's labels: numbering, connectivity, touching facets, plausible sizes, in all variants."""

import cc3d
import numpy as np
import pytest

from spider2d.data.phantom.anatomy import Anatomy, sample_anatomy
from spider2d.data.phantom.field_of_view import place_grid, visible_labels
from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.shapes import Body
from spider2d.data.phantom.spine import paint_spine
from spider2d.data.phantom.variants import VARIANTS
from spider2d.labels import CANAL_LABEL, DISC_OFFSET

THICK = {3.3: (19, 320, 200), 4.4: (15, 310, 200)}
CASES = [(seed, variant, mm) for seed, variant in enumerate(VARIANTS) for mm in THICK]
_painted: dict = {}


def painted(seed: int, variant: str | None, slice_mm: float) -> tuple[Anatomy, Grid, np.ndarray]:
    """Anatomy, grid and every label the anatomy paints (before the visible ones are chosen)."""
    key = (seed, variant, slice_mm)
    if key not in _painted:
        anatomy = sample_anatomy(seed, variant)
        shape = THICK.get(slice_mm, (64, 270, 170))
        in_plane = 1.0 if slice_mm in THICK else 1.2
        grid = place_grid(anatomy, shape, (slice_mm, in_plane, in_plane), np.random.default_rng(seed))
        rough = np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)
        _painted[key] = anatomy, grid, paint_spine(anatomy, grid, rough)[0]
    return _painted[key]


def vertebra_numbers(labels: np.ndarray) -> list[int]:
    values = np.unique(labels)
    return values[(values > 0) & (values < CANAL_LABEL)].tolist()


def contacts(labels: np.ndarray, first: int, second: int) -> np.ndarray:
    """Voxels (n, 3) of ``first`` with a face in common with ``second``."""
    a, b = labels == first, np.pad(labels == second, 1)
    touching = np.zeros_like(a)
    for axis in range(3):
        for shift in (-1, 1):
            touching |= a & np.roll(b, shift, axis)[1:-1, 1:-1, 1:-1]
    return np.argwhere(touching)


@pytest.mark.parametrize(("seed", "variant", "slice_mm"), CASES)
def test_vertebrae_count_from_the_bottom_and_each_has_its_disc(seed, variant, slice_mm):
    anatomy, grid, labels = painted(seed, variant, slice_mm)
    shown = visible_labels(anatomy, labels, grid)
    numbers = vertebra_numbers(shown)
    assert numbers == list(range(1, len(numbers) + 1))
    assert 5 <= len(numbers) <= 9
    assert np.unique(shown).tolist() == [0, *numbers, CANAL_LABEL, *(DISC_OFFSET + k for k in numbers)]


@pytest.mark.parametrize(("seed", "variant", "slice_mm"), CASES)
def test_every_structure_is_one_piece_as_painted(seed, variant, slice_mm):
    anatomy, grid, labels = painted(seed, variant, slice_mm)
    shown = visible_labels(anatomy, labels, grid)
    for label in np.unique(shown)[1:]:
        assert cc3d.connected_components(shown == label, connectivity=26).max() == 1
        # Hardly anything had to be dropped to make it one piece.
        assert (shown == label).sum() >= 0.99 * (labels == label).sum()


@pytest.mark.parametrize("variant", ["healthy", "bridging_osteophytes", "slipped_vertebra"])
def test_every_structure_is_one_piece_in_thin_slices(variant):
    anatomy, grid, labels = painted(11, variant, 0.9)
    shown = visible_labels(anatomy, labels, grid)
    for label in np.unique(shown)[1:]:
        assert cc3d.connected_components(shown == label, connectivity=26).max() == 1


@pytest.mark.parametrize(("seed", "variant", "slice_mm"), CASES)
def test_facet_joints_touch_on_both_sides(seed, variant, slice_mm):
    anatomy, grid, labels = painted(seed, variant, slice_mm)
    numbers = vertebra_numbers(visible_labels(anatomy, labels, grid))
    for lower in numbers[:-2]:
        touching = contacts(labels, lower, lower + 1)
        levels = grid.coordinates(1)[touching[:, 1]]
        middle = np.interp(levels, anatomy.canal.down_mm, anatomy.canal.right_mm)
        rear = anatomy.midline.at("rear_mm", levels)
        behind = grid.coordinates(2)[touching[:, 2]] > rear
        right = grid.coordinates(0)[touching[:, 0]] > middle
        assert (behind & right).any()
        assert (behind & ~right).any()


@pytest.mark.parametrize("seed", range(3))
def test_discs_lie_between_their_vertebrae(seed):
    anatomy, grid, labels = painted(seed, VARIANTS[seed], 4.4)
    numbers = vertebra_numbers(visible_labels(anatomy, labels, grid))
    row_of = {label: np.argwhere(labels == label)[:, 1].mean() for label in np.unique(labels)}
    for k in numbers:
        assert row_of[k] < row_of[DISC_OFFSET + k]
        assert k == 1 or row_of[DISC_OFFSET + k] < row_of[k - 1]


def test_volumes_are_those_of_adults():
    anatomy, grid, labels = painted(0, "healthy", 3.3)
    millilitres = np.bincount(labels.ravel()) * np.prod(grid.spacing_sra_mm) / 1000
    assert all(32 < volume < 110 for volume in millilitres[1:6])
    assert all(5 < volume < 25 for volume in millilitres[DISC_OFFSET + 1 : DISC_OFFSET + 6])
    assert 25 < millilitres[CANAL_LABEL] < 90


def test_bridging_osteophytes_join_two_bodies_in_front():
    anatomy, grid, labels = painted(5, "bridging_osteophytes", 3.3)
    bridged = [k for k, side in enumerate(anatomy.disease.bridging) if side]
    assert bridged
    for k in bridged:
        touching = contacts(labels, k, k + 1)
        columns = grid.coordinates(2)[touching[:, 2]]
        front = anatomy.midline.at("front_mm", grid.coordinates(1)[touching[:, 1]])
        assert (columns < front + 12).any()


def test_healthy_bodies_do_not_touch():
    anatomy, grid, labels = painted(0, "healthy", 3.3)
    for k in range(1, 5):
        touching = contacts(labels, k, k + 1)
        rear = anatomy.midline.at("rear_mm", grid.coordinates(1)[touching[:, 1]])
        assert (grid.coordinates(2)[touching[:, 2]] > rear - 3).all()


def test_slipped_vertebra_stands_before_the_one_below():
    for seed in range(5):
        anatomy = sample_anatomy(seed, "slipped_vertebra")
        (k,) = np.flatnonzero(anatomy.disease.slip_mm)
        slip = anatomy.disease.slip_mm[k]
        disc, above = anatomy.discs[k], anatomy.vertebrae[k]
        bottom = above.frame.world((0, above.body.half_height, 0))
        offset = (bottom - disc.frame.centre) @ disc.frame.axes[:, 2]
        # The disc's frame lies half way between both vertebrae.
        assert offset == pytest.approx(-slip / 2, abs=0.3)


def test_narrowed_discs_are_smaller_than_the_healthy_ones():
    anatomy, _, labels = painted(1, "narrowed_disc", 3.3)
    volumes = np.bincount(labels.ravel())[DISC_OFFSET + 1 : DISC_OFFSET + 5]
    narrowed = np.array(anatomy.disease.narrowing[:4]) < 1
    assert volumes[narrowed].max() < volumes[~narrowed].min()


def test_six_lumbar_vertebrae_have_one_more_lumbar_arch():
    five, six = sample_anatomy(3, "healthy"), sample_anatomy(3, "six_lumbar")
    assert (five.disease.n_lumbar, six.disease.n_lumbar) == (5, 6)

    def spinous_height(anatomy, k):
        return anatomy.vertebrae[k].arch[-1].radii[1]

    assert spinous_height(five, 5) < 7 < spinous_height(six, 5)


def test_cut_top_vertebra_reaches_the_upper_edge():
    anatomy, grid, labels = painted(8, "cut_top", 3.3)
    shown = visible_labels(anatomy, labels, grid)
    top = max(vertebra_numbers(shown))
    body = anatomy.vertebrae[top - 1]
    assert (shown[:, 0] == top).any()
    assert body.frame.centre[1] - body.body.half_height < grid.coordinates(1)[0] - 2


@pytest.mark.parametrize("seed", range(4))
def test_annotations_lie_in_the_centred_window_even_on_long_grids(seed):
    anatomy = sample_anatomy(seed)
    shape, spacing = (9, 300, 210), (6.0, 1.5, 1.5)
    grid = place_grid(anatomy, shape, spacing, np.random.default_rng(seed))
    half = int(348 / 2 / 1.5)
    labels = paint_spine(anatomy, grid, np.zeros(shape, np.float32))[0]
    labels[:, : 150 - half], labels[:, 150 + half :] = 0, 0
    place = np.argwhere(visible_labels(anatomy, labels, grid))[:, 1:] + 0.5 - np.array(shape[1:]) / 2
    assert 140 < np.abs(place[:, 0] * 1.5).max() <= 176
    assert np.abs(place[:, 1] * 1.5).max() <= 128


def test_same_seed_same_anatomy_and_another_seed_another_one():
    def centres(seed):
        return np.array([v.frame.centre for v in sample_anatomy(seed).vertebrae])

    np.testing.assert_array_equal(centres(4), centres(4))
    assert np.abs(centres(4) - centres(5)).max() > 1


def test_random_patients_differ_in_disease():
    diseases = [sample_anatomy(seed).disease for seed in range(60)]
    assert any(any(d.bridging) for d in diseases)
    assert any(any(d.slip_mm) for d in diseases)
    assert any(any(d.herniation_mm) for d in diseases)
    assert any(d.n_lumbar == 6 for d in diseases)
    assert {True, False} == {d.cut_top for d in diseases}
    assert {1, 2, 3, 4, 5} == {grade for d in diseases for grade in d.pfirrmann}


def test_unknown_variant_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown phantom variant 'hump'; known: healthy"):
        sample_anatomy(0, "hump")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_wild_patients_have_waists_of_their_own_wider_discs_and_longer_processes(seed):
    wild, ordinary = sample_anatomy(seed, wildness=0.4), sample_anatomy(seed)
    waists = {v.body.side_waist for v in wild.vertebrae}
    assert len(waists) == len(wild.vertebrae) and min(waists) >= -0.1 and max(waists) <= 0.1
    assert all(v.body.side_waist == 0 for v in ordinary.vertebrae)
    rims = [v.body.half_width for v in wild.vertebrae]
    assert np.mean([d.half_width for d in wild.discs[1:]]) > np.mean(rims)

    def reach(anatomy):
        """Furthest point of the lowest arch from the axis of its body, in mm."""
        vertebra = anatomy.vertebrae[0]
        ends = [vertebra.frame.axes.T @ (part.end - vertebra.frame.centre) for part in vertebra.arch]
        return max(abs(end[0]) for end in ends)

    assert reach(wild) > wild.vertebrae[0].body.half_width + 8
    assert len(wild.vertebrae[0].arch) > len(ordinary.vertebrae[0].arch)


def test_side_waist_narrows_the_side_walls_alone():
    plain, slim = Body(20, 15, 14, waist=0.1), Body(20, 15, 14, waist=0.1, side_waist=0.2)
    zero = np.zeros(1)
    for body, wall_mm in ((plain, 18.0), (slim, 14.0)):  # 20 * (1 - 0.1), 20 * (1 - 0.1 - 0.2)
        assert body.wall(np.array([wall_mm]), zero, zero) == pytest.approx(0, abs=1e-5)
        assert body.wall(zero, zero, np.array([-13.5])) == pytest.approx(0, abs=1e-5)
        assert body.wall(np.array([20.0]), np.array([14.0]), zero) == pytest.approx(0, abs=1e-5)
