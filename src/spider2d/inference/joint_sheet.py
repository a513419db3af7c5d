"""The sheet between two neighbouring vertebrae: flat through the disc, bent along the facet joints behind it.

Behind the bodies the articular processes of the lower vertebra reach up in front of those of the upper one,
and the spinous process of the upper vertebra hangs below the disc. The shape was measured on labelled lumbar
slices of SPIDER (van der Graaf et al. 2024, CC-BY 4.0), as the height above the disc that parts the arches of
two neighbours best at each distance behind the posterior wall, and then settled, with its course across the
slices, on a few dozen phantoms. Between 10 and 18 mm, along the joint, no fixed height does (15 % of the real
pixels on the wrong side); elsewhere 0-3 % are wrong. So near the joint the sheet is only a first guess.
"""

import numpy as np

from spider2d.inference.boundary import Boundary, backwards

SHEET_MM = np.array(
    [(0, 1), (2, 3), (6, 8), (10.5, 10), (13, 7), (15, 1.5), (16.5, -7), (18.5, -11.5), (30, -10.5)]
)
"""Distance behind the posterior wall, height above the disc plane at the typical pitch (mm)."""
JOINT_SLANT, JOINT_BESIDE_MM = 0.24, (4.0, 24.0)
"""The joints face outwards: with every mm beside the middle they lie this much further back."""
SHEET_BESIDE_MM = 14.0
"""Distance beside the middle for which ``SHEET_MM`` holds."""
TRANSVERSE_BESIDE_MM, TRANSVERSE_HEIGHT_MM = (20.0, 24.0), 4.0
"""Further from the middle there are no joints, only transverse processes, parted at one height."""
PILLAR_BESIDE_MM, PILLAR_BEHIND_MM, PILLAR_HEIGHT_MM = (8.0, 20.0), (4.0, 26.0), 5.0
"""Where both articular processes stand one behind the other at the height of the disc."""
PILLAR_CENTRE_MM, PILLAR_TRUST, MAX_SHIFT_MM = 15.0, 0.8, 3.0
"""The joint runs through the middle of the pillar: where that is off its usual place, so is the joint."""


def above_sheet(
    boundary: Boundary, points_mm: np.ndarray, scale: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return about how far (mm) points (N, 3) lie above the bent sheet, and how far behind the wall.

    Args:
        boundary: Disc plane and posterior wall.
        points_mm: Positions of vertebra voxels, float32 (N, 3); the joints are looked for among them.
        scale: Size of the spine (distance of neighbouring discs / typical), multiplies the heights.
    """
    behind, height = boundary.behind_wall(points_mm), boundary.above_plane(points_mm)
    arch = np.flatnonzero(behind > 0)
    aside = points_mm[arch, 0] - np.float32(boundary.centre_mm[0])
    beside = np.abs(aside)
    # Behind the wall the plane turns about its posterior edge into the direction of the spine.
    turned = height[arch] * (boundary.arch_up @ boundary.normal)
    turned += behind[arch] * (boundary.arch_up @ backwards(boundary.normal))
    along = behind[arch] - JOINT_SLANT * (np.clip(beside, *JOINT_BESIDE_MM) - SHEET_BESIDE_MM)
    for side in (aside < 0, aside >= 0):
        along[side] -= _joint_shift(along[side], turned[side], beside[side], scale)
    bend = np.interp(along, SHEET_MM[:, 0], SHEET_MM[:, 1] * scale)
    transverse = np.interp(beside, TRANSVERSE_BESIDE_MM, [0.0, 1.0])
    bend += transverse * (TRANSVERSE_HEIGHT_MM * scale - bend)
    height[arch] = turned - bend
    return height, behind


def _joint_shift(along: np.ndarray, height: np.ndarray, beside: np.ndarray, scale: float) -> float:
    """Return how far (mm) the joint of one side lies behind its usual place."""
    pillar = np.abs(height) < PILLAR_HEIGHT_MM * scale
    for value, (low, high) in ((beside, PILLAR_BESIDE_MM), (along, PILLAR_BEHIND_MM)):
        pillar &= (value > low) & (value < high)
    if np.count_nonzero(pillar) < 20:
        return 0.0
    shift = PILLAR_TRUST * (float(along[pillar].mean()) - PILLAR_CENTRE_MM)
    return float(np.clip(shift, -MAX_SHIFT_MM, MAX_SHIFT_MM))
