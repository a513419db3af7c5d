"""Everything around the spine on a grid: skin, fat, muscle, vessels, bowel."""

from dataclasses import dataclass

import numpy as np

from spider2d.data.phantom.anatomy import Anatomy
from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.habitus import Habitus, sample_habitus
from spider2d.data.phantom.other_bones import transverse_tip
from spider2d.data.phantom.spine import paint_capsule
from spider2d.data.phantom.tissues import TISSUE
from spider2d.data.phantom.world_noise import WorldNoise

LEAN_LATERAL_MM, LEAN_FRONT_MM, LEAN_BACK_MM = 3.0, 26.0, 16.0
"""Where lean patients have muscle for fat: beside the bodies, before and behind the transverse processes."""
WEDGE_MM = 7.0
"""Reach up and down of the wedges of fat that these processes keep."""


@dataclass(frozen=True)
class Noises:
    """The patient's random fields on one grid, each in about [-1, 1].

    Attributes:
        lumps: Structures of 10-15 mm.
        fibres: Fibres along the back.
        webs: Oblique cells; their zero contour is a net of septa.
        rough: Unevenness of bone surfaces, 5-6 mm.
    """

    lumps: np.ndarray
    fibres: np.ndarray
    webs: np.ndarray
    rough: np.ndarray


def sample_noises(seed: int, grid: Grid) -> Noises:
    """Return the fields of patient ``seed`` on a grid."""
    rng = np.random.default_rng([seed, 3])
    return Noises(
        lumps=WorldNoise(rng, (14, 13, 11)).on(grid),
        fibres=WorldNoise(rng, (5, 28, 2.0), shear=-0.12).on(grid),
        webs=WorldNoise(rng, (12, 22, 9), shear=0.5).on(grid),
        rough=WorldNoise(rng, (5, 6, 6)).on(grid),
    )


@dataclass(frozen=True)
class Place:
    """Where the voxels lie relative to the spine; every array broadcasts to (slices, rows, columns), in mm.

    Attributes:
        down: Level.
        right: Distance to the right of the bodies' middle.
        side: The same without the sign.
        posterior: Position backwards.
        front, rear: Front and back wall of the bodies at the level.
        fascia: The back's fascia at the level.
    """

    down: np.ndarray
    right: np.ndarray
    side: np.ndarray
    posterior: np.ndarray
    front: np.ndarray
    rear: np.ndarray
    fascia: np.ndarray


def locate(anatomy: Anatomy, grid: Grid) -> Place:
    """Return where a grid's voxels lie relative to the patient's spine."""
    right, down, posterior = np.ix_(*(grid.coordinates(axis) for axis in range(3)))

    def curve(name: str) -> np.ndarray:
        return anatomy.midline.at(name, down)

    right = right - curve("right_mm")
    return Place(
        down, right, np.abs(right), posterior, curve("front_mm"), curve("rear_mm"), curve("fascia_mm")
    )


def paint_surroundings(anatomy: Anatomy, noises: Noises, grid: Grid) -> np.ndarray:
    """Return the tissues around the spine (uint8, the grid's shape); later ones cover earlier ones."""
    habitus, place = sample_habitus(anatomy), locate(anatomy, grid)
    uneven = place.posterior + 2.5 * noises.lumps
    tissues = np.full(grid.shape_sra, TISSUE["deep_fat"], np.uint8)
    abdomen = uneven < place.front - 25
    tissues[abdomen & (noises.lumps + habitus.bowel_share > -0.15)] = TISSUE["muscle_fat"]
    tissues[abdomen & (noises.lumps + habitus.bowel_share > 0.1)] = TISSUE["bowel"]
    for name, part in habitus.organs:
        paint_capsule(part, grid, tissues, TISSUE[name])
    paint_psoas(tissues, noises, place, uneven, habitus)
    paint_back_muscles(tissues, noises, place, uneven, habitus.muscle_fat)
    if habitus.septum_mm is not None:
        paint_lean_muscles(tissues, noises.lumps, place, anatomy, habitus.septum_mm)
    paint_fat_webs(tissues, noises, place, habitus.fat_webs)
    if habitus.fat_streaks:
        streaks = sample_streaks(anatomy.seed, noises, grid)
        paint_fat_streaks(tissues, streaks, noises, place, habitus.fat_streaks)
    for name, part in habitus.clutter:
        paint_capsule(part, grid, tissues, TISSUE[name])
    paint_cover(tissues, noises, place, habitus)
    return tissues


def paint_psoas(
    tissues: np.ndarray, noises: Noises, place: Place, uneven: np.ndarray, habitus: Habitus
) -> None:
    """Paint the two psoas muscles: beside the bodies, thicker and further forward downwards."""
    grow = np.clip((place.down + 190) / 170, 0, 1)
    middle = (place.front + place.rear) / 2 - 10 * grow**2 + 3
    across = (place.side - habitus.psoas_gap_mm - (26 + 14 * grow)) / (1 + 19 * np.sqrt(grow))
    along = (uneven - middle) / (3 + 23 * np.sqrt(grow))
    across, along = across / habitus.psoas_size, along / habitus.psoas_size
    inside = (across**2 + along**2 < 1) & (grow > 0.02)
    tissues[inside] = TISSUE["muscle"]
    tissues[inside & (noises.fibres > 0.8)] = TISSUE["muscle_fat"]


def paint_back_muscles(
    tissues: np.ndarray, noises: Noises, place: Place, uneven: np.ndarray, fat_share: float
) -> None:
    """Paint the muscles between arch and fascia, fattier downwards; fat and ligaments in the middle."""
    # The muscles begin behind the joints, further forward beside them, and at the laminae in the middle.
    start = np.where(place.side > 9, 21 - 12 * np.clip((place.side - 16) / 10, 0, 1), 14)
    zone = (uneven > place.rear + start) & (uneven < place.fascia)
    low = np.clip((place.down + 200) / 220, 0, 1.2)
    medial = np.clip(1 - place.side / 30, 0, 1)
    lean = 1.05 - 0.9 * fat_share * (0.3 + low) * (0.6 + 0.7 * medial) - 0.1 * low
    fattiness = noises.fibres + 0.5 * noises.lumps - lean
    tissues[zone] = TISSUE["muscle"]
    tissues[zone & (fattiness > -0.3)] = TISSUE["muscle_fat"]
    tissues[zone & (fattiness > 0.2)] = TISSUE["deep_fat"]
    middle = zone & (place.side < 3.5 + 2 * noises.lumps)
    tissues[middle] = TISSUE["interspinous"]
    tissues[middle & (noises.fibres + noises.lumps > 0.9 - 0.8 * fat_share)] = TISSUE["deep_fat"]
    tissues[middle & (noises.fibres < -0.75)] = TISSUE["ligament"]


def paint_lean_muscles(
    tissues: np.ndarray, lumps: np.ndarray, place: Place, anatomy: Anatomy, septum_mm: float
) -> None:
    """Fill the fat about the transverse processes with muscle, but for a septum from one to the next.

    ``septum_mm`` is the septum's half thickness; it comes and goes, and is thickest at the processes.
    """
    half_width = max(vertebra.body.half_width for vertebra in anatomy.vertebrae[:3])
    for side in (-1, 1):
        _, tips_down, tips_posterior = np.array([transverse_tip(v, side) for v in anatomy.vertebrae[::-1]]).T
        plane = np.interp(place.down, tips_down, tips_posterior).astype(np.float32) + 2 * lumps
        to_tip = np.abs(place.down[..., None] - tips_down).min(axis=-1)
        half_mm = septum_mm * (0.5 + 1.5 * np.exp(-((to_tip / WEDGE_MM) ** 2)) + lumps)
        behind = place.posterior - plane
        beside = side * place.right > half_width + LEAN_LATERAL_MM * (1 + lumps)
        about = beside & (behind > -LEAN_FRONT_MM) & (behind < LEAN_BACK_MM)
        fat = tissues == TISSUE["deep_fat"]
        tissues[about & fat & (np.abs(behind) > half_mm)] = TISSUE["muscle"]


def sample_streaks(seed: int, noises: Noises, grid: Grid) -> np.ndarray:
    """Return a field in about [-1, 1] of fibres that run in two directions, here the one, there the other."""
    rng = np.random.default_rng([seed, 4])
    cell_sra_mm = (7.0, rng.uniform(12, 26), rng.uniform(1.8, 4.5))
    one, other = (WorldNoise(rng, cell_sra_mm, shear=rng.uniform(-1.0, 0.7)).on(grid) for _ in range(2))
    return np.where(noises.lumps > 0, one, other)


def paint_fat_streaks(
    tissues: np.ndarray, streaks: np.ndarray, noises: Noises, place: Place, share: float
) -> None:
    """Paint fibrous streaks into the fat about the spine; between them, lumps of fat stay plain.

    The streaks are where their field exceeds 1 - ``share``, or 1 in the middle of a lump.
    """
    fat = spinal_fat(tissues, place)
    height = streaks + share * np.clip(0.8 + 1.6 * noises.lumps, 0, 1)
    tissues[fat & (height > 1)] = TISSUE["muscle_fat"]
    tissues[fat & (height > 1.15)] = TISSUE["muscle"]


def spinal_fat(tissues: np.ndarray, place: Place) -> np.ndarray:
    """Return where there is fat about the spine."""
    return (tissues == TISSUE["deep_fat"]) & (place.posterior > place.front - 20)


def paint_fat_webs(tissues: np.ndarray, noises: Noises, place: Place, width: float) -> None:
    """Paint a net of dark threads into the fat about the spine.

    ``width`` is the noise, in its own units, up to which a voxel counts as thread; 0 leaves the fat plain.
    """
    fat = spinal_fat(tissues, place)
    tissues[fat & (np.abs(noises.rough) < width)] = TISSUE["muscle_fat"]
    tissues[fat & (np.abs(noises.webs) < width / 2)] = TISSUE["interspinous"]


def paint_cover(tissues: np.ndarray, noises: Noises, place: Place, habitus: Habitus) -> None:
    """Paint fascia, the fat beneath the skin with its septa, the skin, the abdominal wall and the air."""
    posterior = place.posterior
    groove = np.exp(-((place.right / 14) ** 2))
    fascia = place.fascia + 4 * (1 - groove)
    buttock = np.clip((place.down - 10) / 60, 0, 1)
    skin = fascia + habitus.back_fat_mm + habitus.buttock_fat_mm * buttock - 3 * groove
    wall = place.front - habitus.belly_mm - 14
    wall = np.minimum(wall, wall.mean() + 10)
    belly_skin = wall - 12 - habitus.front_fat_mm
    fat = (posterior > fascia) | (posterior < wall - 10)
    abdominal_muscle = (posterior > wall - 10) & (posterior < wall)
    tissues[np.broadcast_to(abdominal_muscle, tissues.shape)] = TISSUE["muscle"]
    tissues[fat] = TISSUE["subcutaneous_fat"]
    tissues[fat & (np.abs(noises.webs) < 0.06)] = TISSUE["septum"]
    tissues[(posterior > fascia) & (posterior < fascia + 1.3)] = TISSUE["ligament"]
    tissues[(posterior > skin - 1.8) | (posterior < belly_skin + 1.8)] = TISSUE["skin"]
    tissues[(posterior > skin) | (posterior < belly_skin)] = TISSUE["air"]
