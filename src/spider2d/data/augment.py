"""Augmentation of training samples: one geometric change, then changes of intensity (albumentations).

Never anterior-posterior flips: a spine is not symmetric that way. Image and masks always move together.
"""

import random
from typing import NamedTuple

import numpy as np

from spider2d.data import mr_transforms
from spider2d.data.data_config import AugmentConfig
from spider2d.data.normalise import CEILING
from spider2d.data.offline_albumentations import A
from spider2d.data.warp import WarpToPatch


class Patch(NamedTuple):
    """A sample: image float32 (h, w, C) in 0-2, label maps uint8 (h, w), centres (N, 2) in pixels.

    The sample of a volume has its slices as channels, in the label maps too (h, w, S).
    """

    image_hwc: np.ndarray
    classes: np.ndarray
    instances: np.ndarray
    centres_rc: np.ndarray


class Augmentation:
    """A pipeline whose result depends on its arguments only: not on the process, nor on former calls.

    Args:
        config: Probabilities and strengths; None cuts patches and changes nothing else.
        patch_hw: Rows and columns of the patch.
        foreground_crop: Share of the patches centred near a labelled pixel.
    """

    def __init__(
        self, config: AugmentConfig | None, patch_hw: tuple[int, int], foreground_crop: float = 0.85
    ):
        transforms = [WarpToPatch(patch_hw, config, foreground_crop)]
        if config is not None:
            transforms += intensity_transforms(config)
        self._pipeline = A.Compose(
            transforms,
            keypoint_params=A.KeypointParams(format="yx", remove_invisible=False),
            additional_targets={"instances": "mask"},
        )

    def __call__(
        self,
        image_hwc: np.ndarray,
        classes: np.ndarray,
        instances: np.ndarray,
        centres_rc: np.ndarray,
        seed: int,
    ) -> Patch:
        """Augment one slice, or the slices of a volume, all alike.

        Args:
            image_hwc: float32 (H, W, C), normalised (0-2); a volume's slices are channels.
            classes: uint8 (H, W), or (H, W, S) for a volume.
            instances: uint8, same shape.
            centres_rc: Points (N, 2), row and column, that move along; they may lie outside.
            seed: Decides everything that is random.

        Returns:
            The patch; centres outside of it are kept.
        """
        # One generator for all transforms. Compose.set_random_seed would give each transform its own of the
        # same seed, so that all of them happen together or none does.
        self._pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
        result = self._pipeline(
            image=image_hwc * np.float32(1 / CEILING),  # albumentations takes floats for 0-1
            mask=classes,
            instances=instances,
            keypoints=np.asarray(centres_rc, dtype=np.float32).reshape(-1, 2),
        )
        image = result["image"] * np.float32(CEILING)
        return Patch(
            image, result["mask"], result["instances"], np.asarray(result["keypoints"]).reshape(-1, 2)
        )


def build_augmentation(
    config: AugmentConfig | None, patch_hw: tuple[int, int], foreground_crop: float = 0.85
) -> Augmentation:
    """Return the augmentation of a configuration (None: patches only)."""
    return Augmentation(config, patch_hw, foreground_crop)


def intensity_transforms(config: AugmentConfig) -> list[A.ImageOnlyTransform]:
    """Return the changes of intensity in the order in which a scan suffers them."""
    return [
        mr_transforms.IntensityCurve(p=config.intensity_curve),
        mr_transforms.SaturationBand(p=config.saturation_band),
        mr_transforms.BiasField(p=config.bias_field),
        A.GaussianBlur(blur_limit=0, sigma_limit=(0.4, 1.2), p=config.blur),
        mr_transforms.LowResolution(p=config.low_resolution),
        mr_transforms.Ringing(p=config.ringing),
        mr_transforms.Noise(p=config.noise),
        mr_transforms.Contrast(p=config.contrast),
        mr_transforms.Dropout(p=config.dropout),
    ]
