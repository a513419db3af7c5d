"""The geometric half of augmentation: crop, affine and elastic change in one interpolation."""

from typing import Any

import cv2
import numpy as np

from spider2d.data.data_config import AugmentConfig
from spider2d.data.offline_albumentations import A

_ELASTIC_GRID_PX = 48
_FOREGROUND_JITTER = 0.3
_IDENTITY = np.eye(2)


class WarpToPatch(A.DualTransform):
    """Cut a patch out of a slice, scaled, rotated, sheared and elastically deformed at random.

    A patch pixel p takes the value at slice position ``matrix @ (p - patch centre) + centre + elastic(p)``;
    everything is (row, column). Beyond the slice the image is 0 (its floor) and the masks are background.

    Args:
        patch_hw: Rows and columns of the patch.
        config: Strengths; None cuts patches only.
        foreground_crop: Share of the patches centred near a labelled pixel.
    """

    def __init__(self, patch_hw: tuple[int, int], config: AugmentConfig | None, foreground_crop: float):
        super().__init__(p=1.0)
        self.patch_hw = patch_hw
        self.config = config
        self.foreground_crop = foreground_crop

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw where the patch lies and how it is deformed."""
        rng, config = self.random_generator, self.config
        labelled = data["instances"] != 0
        if labelled.ndim == 3:  # the slices of a volume, all warped alike
            labelled = labelled.any(axis=-1)
        centre = draw_centre(rng, labelled, self.patch_hw, self.foreground_crop)
        matrix, elastic = _IDENTITY, None
        if config is not None and rng.random() < config.affine:
            matrix = draw_affine(rng, config)
        if config is not None and rng.random() < config.elastic:
            elastic = draw_elastic(rng, config.elastic_px, self.patch_hw)
        return {
            "centre": centre,
            "matrix": matrix,
            "elastic": elastic,
            "maps": source_maps(self.patch_hw, centre, matrix, elastic),
        }

    def apply(self, img: np.ndarray, maps: tuple[np.ndarray, np.ndarray], **_: Any) -> np.ndarray:
        """Warp the image (H, W, C) with linear interpolation."""
        rows, columns = maps
        warped = cv2.remap(
            img, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
        )
        return warped.reshape(*self.patch_hw, -1)

    def apply_to_mask(self, mask: np.ndarray, maps: tuple[np.ndarray, np.ndarray], **_: Any) -> np.ndarray:
        """Warp a label map (H, W), or those of S slices (H, W, S), taking the nearest pixel."""
        rows, columns = maps
        warped = cv2.remap(
            mask, columns, rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0
        )
        return warped.reshape(*self.patch_hw, *mask.shape[2:])

    def apply_to_keypoints(
        self,
        keypoints: np.ndarray,
        centre: np.ndarray,
        matrix: np.ndarray,
        elastic: np.ndarray | None,
        **_: Any,
    ) -> np.ndarray:
        """Move points (N, 5: x, y, ...) to where the patch shows them, inside the patch or not."""
        moved = keypoints.copy()
        moved[:, 1::-1] = points_in_patch(keypoints[:, 1::-1], self.patch_hw, centre, matrix, elastic)
        return moved


def draw_centre(
    rng: np.random.Generator, labelled: np.ndarray, patch_hw: tuple[int, int], foreground_crop: float
) -> np.ndarray:
    """Return the slice position (row, column) of the patch's centre.

    With probability ``foreground_crop`` it lies within 0.3 of the patch's sides of a random labelled pixel
    (``labelled`` is a bool array H, W); else the patch is placed anywhere inside the slice. Where the slice
    is smaller than the patch, the patch is centred on it.
    """
    size, patch = np.array(labelled.shape, dtype=float), np.array(patch_hw, dtype=float)
    if rng.random() < foreground_crop:
        positions = np.flatnonzero(labelled)
        if positions.size:
            chosen = np.divmod(positions[rng.integers(positions.size)], labelled.shape[1])
            centre = np.array(chosen) + _FOREGROUND_JITTER * patch * rng.uniform(-1, 1, 2)
            return clamp_centre(centre, size, patch)
    return clamp_centre(rng.uniform(0, 1, 2) * (size - 1), size, patch)


def clamp_centre(centre: np.ndarray, size: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """Move a patch's centre so that the (undeformed) patch lies in the slice, or centre it if it cannot.

    The patch's first pixel falls on a whole pixel of the slice, so that cutting alone interpolates nothing.
    """
    first = np.round(centre - (patch - 1) / 2)
    last = size - patch
    return np.where(last >= 0, np.clip(first, 0, np.maximum(last, 0)), last // 2) + (patch - 1) / 2


def draw_affine(rng: np.random.Generator, config: AugmentConfig) -> np.ndarray:
    """Return the 2 x 2 matrix that takes (row, column) distances in the patch to those in the slice."""
    angle = np.deg2rad(rng.uniform(-1, 1) * config.rotate_degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slopes = np.tan(np.deg2rad(rng.uniform(-1, 1, 2) * config.shear_degrees))
    shear = np.array([[1, slopes[0]], [slopes[1], 1]])
    magnification = np.exp(rng.uniform(*np.log(config.scale)))
    aspect = np.exp(rng.uniform(-1, 1) * np.log(config.aspect) / 2)
    return rotation @ shear @ np.diag([aspect, 1 / aspect]) / magnification


def draw_elastic(rng: np.random.Generator, sigma_px: float, patch_hw: tuple[int, int]) -> np.ndarray:
    """Return smooth random displacements (2, H, W) in pixels: cubic between normal ones on a coarse grid."""
    grid_hw = [max(2, side // _ELASTIC_GRID_PX + 1) for side in patch_hw]
    coarse = rng.normal(0, sigma_px, (2, *grid_hw)).astype(np.float32)
    return np.stack([cv2.resize(d, patch_hw[::-1], interpolation=cv2.INTER_CUBIC) for d in coarse])


def source_maps(
    patch_hw: tuple[int, int], centre: np.ndarray, matrix: np.ndarray, elastic: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return for every patch pixel the row and the column (float32 H, W each) in the slice."""
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in patch_hw)
    maps = [
        (m[0] * rows[:, None] + (m[1] * columns + c)).astype(np.float32)
        for m, c in zip(matrix, centre, strict=True)
    ]
    if elastic is not None:
        maps = [plain + displacement for plain, displacement in zip(maps, elastic, strict=True)]
    return maps[0], maps[1]


def points_in_patch(
    points_rc: np.ndarray,
    patch_hw: tuple[int, int],
    centre: np.ndarray,
    matrix: np.ndarray,
    elastic: np.ndarray | None,
) -> np.ndarray:
    """Return the patch positions (N, 2) of slice positions (N, 2), the inverse of ``source_maps``.

    The elastic part is inverted by fixed-point iteration; outside the patch its border value holds.
    """
    middle = (np.array(patch_hw) - 1) / 2
    inverse = np.linalg.inv(matrix).T
    found = (points_rc - centre) @ inverse + middle
    if elastic is None:
        return found
    for _ in range(4):
        row, column = np.clip(np.round(found), 0, np.array(patch_hw) - 1).astype(int).T
        found = (points_rc - elastic[:, row, column].T - centre) @ inverse + middle
    return found
