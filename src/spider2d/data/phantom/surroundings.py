"""Everything around the spine on a grid: skin, fat, muscle, vessels, bowel."""

from dataclasses import dataclass

import numpy as np

from spider2d.data.phantom.anatomy import Anatomy
from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.habitus import Habitus, sample_habitus
from spider2d.data.phantom.spine import paint_capsule
from spider2d.data.phantom.tissues import TISSUE
from spider2d.data.phantom.world_noise import WorldNoise


@dataclass(frozen=True)
class Noises:
    """The patient's random fields on one grid, each in about [-1, 1].

    Attributes:
        lumps: Structures of 10-20 mm.
        fibres: Oblique fibres along the back.
        webs: Thin-walled cells; their zero contour is a net of septa.
        rough: Unevenness of bone surfaces, 5-6 mm.
    """

    lumps: np.ndarray
    fibres: np.ndarray
    webs: np.ndarray
    rough: np.ndarray


def sample_noises(seed: int, grid: Grid) -> Noises:
    """Return the fields of patient ``seed`` on a grid."""
    rng = np.random.default_rng([seed, 3])
    lumps = WorldNoise(rng, (14, 13, 11)).on(grid)
    fibres = WorldNoise(rng, (5, 24, 2.6), shear=-0.12).on(grid)
    webs = WorldNoise(rng, (12, 22, 9), shear=0.5).on(grid)
    rough = WorldNoise(rng, (5, 6, 6)).on(grid)
    return Noises(lumps, fibres, webs, rough)


def paint_surroundings(anatomy: Anatomy, noises: Noises, grid: Grid) -> np.ndarray:
    """Return the tissues around the spine (uint8, the grid's shape)."""
    habitus = sample_habitus(anatomy)
    levels, midline = grid.coordinates(1), anatomy.midline
    curve = {
        name: midline.at(name, levels)[None, :, None]
        for name in ("right_mm", "front_mm", "rear_mm", "fascia_mm")
    }
    right = grid.coordinates(0)[:, None, None] - curve["right_mm"]
    posterior = grid.coordinates(2)[None, None, :] + 2.5 * noises.lumps
    tissues = np.full(grid.shape_sra, TISSUE["deep_fat"], np.uint8)
    tissues[(noises.lumps + habitus.bowel_share > 0) & (posterior < curve["front_mm"] - 25)] = TISSUE["bowel"]
    for name, place in habitus.organs:
        paint_capsule(place, grid, tissues, TISSUE[name])
    paint_psoas(tissues, noises, right, posterior, levels, curve)
    paint_back_muscles(tissues, noises, right, posterior, levels, curve, habitus.muscle_fat)
    paint_cover(tissues, noises, right, grid, levels, curve, habitus)
    return tissues


def paint_psoas(tissues, noises, right, posterior, levels, curve) -> None:
    """Paint the two psoas muscles: beside the bodies, thicker and further forward downwards."""
    grow = np.clip((levels + 190) / 170, 0, 1).astype(np.float32)[None, :, None]
    middle = (curve["front_mm"] + curve["rear_mm"]) / 2
    u = (np.abs(right) - (26 + 14 * grow)) / (1 + 19 * np.sqrt(grow))
    v = (posterior - middle + 10 * grow * grow - 3) / (3 + 23 * np.sqrt(grow))
    inside = (u * u + v * v < 1) & (grow > 0.02)
    tissues[inside] = TISSUE["muscle"]
    tissues[inside & (noises.fibres > 0.8)] = TISSUE["muscle_fat"]


def paint_back_muscles(tissues, noises, right, posterior, levels, curve, fat_share: float) -> None:
    """Paint the muscles between arch and fascia, fattier downwards; fat and ligaments in the middle."""
    side = np.abs(right)
    start = np.where(side > 9, 21 - 12 * np.clip((side - 16) / 10, 0, 1), 14)
    zone = (posterior > curve["rear_mm"] + start) & (posterior < curve["fascia_mm"])
    tissues[zone] = TISSUE["muscle"]
    fattier = np.clip((levels + 200) / 220, 0, 1.2).astype(np.float32)[None, :, None]
    medial = np.clip(1 - side / 30, 0, 1)
    threshold = 1.05 - 0.9 * fat_share * (0.3 + fattier) * (0.6 + 0.7 * medial) - 0.1 * fattier
    fattiness = noises.fibres + 0.5 * noises.lumps - threshold
    tissues[zone & (fattiness > -0.15)] = TISSUE["muscle_fat"]
    tissues[zone & (fattiness > 0)] = TISSUE["deep_fat"]
    tissues[zone & (np.abs(noises.webs) < 0.04)] = TISSUE["muscle_fat"]
    middle = zone & (side < 3.5 + 2 * noises.lumps)
    tissues[middle] = TISSUE["interspinous"]
    tissues[middle & (noises.fibres + noises.lumps > 0.9 - 0.8 * fat_share)] = TISSUE["deep_fat"]
    tissues[middle & (noises.fibres < -0.75)] = TISSUE["ligament"]


def paint_cover(tissues, noises, right, grid: Grid, levels, curve, habitus: Habitus) -> None:
    """Paint fascia, the fat beneath the skin with its septa, the skin, the abdominal wall and the air."""
    posterior = grid.coordinates(2)[None, None, :] + 0.0 * right
    groove = np.exp(-np.square(right / 14))
    fascia = curve["fascia_mm"] + 4 * (1 - groove)
    buttock = np.clip((levels - 10) / 60, 0, 1).astype(np.float32)[None, :, None]
    skin = fascia + habitus.back_fat_mm + habitus.buttock_fat_mm * buttock - 3 * groove
    wall = curve["front_mm"] - habitus.belly_mm - 14
    wall = np.minimum(wall, wall.mean() + 10)
    belly_skin = wall - 12 - habitus.front_fat_mm
    fat = (posterior > fascia) | (posterior < wall - 10)
    tissues[(posterior > wall - 10) & (posterior < wall)] = TISSUE["muscle"]
    tissues[fat] = TISSUE["subcutaneous_fat"]
    tissues[fat & (np.abs(noises.webs) < 0.06)] = TISSUE["septum"]
    tissues[(posterior > fascia) & (posterior < fascia + 1.3)] = TISSUE["ligament"]
    tissues[(posterior > skin - 1.8) | (posterior < belly_skin + 1.8)] = TISSUE["skin"]
    tissues[(posterior > skin) | (posterior < belly_skin)] = TISSUE["air"]
