"""Changes of intensity as MR scanners make them. Images are float32 (H, W, C) in 0-1, air at 0.

The channels of a 2.5D sample are neighbouring slices of one scan, so all change alike; only noise differs.
"""

from typing import Any

import cv2
import numpy as np
from scipy import fft

from spider2d.data.offline_albumentations import A

_AIR = 0.03
"""Up to this value pixels are taken for air, which stays as it is in any contrast."""


class Contrast(A.ImageOnlyTransform):
    """Gamma, gain and offset."""

    def apply(self, img: np.ndarray, **_: Any) -> np.ndarray:
        """Return ``gain * img ** gamma + offset``."""
        rng = self.random_generator
        gamma, gain = np.exp(rng.uniform(-0.5, 0.5)), np.exp(rng.uniform(-0.35, 0.35))
        # Relative to the picture: a dark series would vanish below an offset that a bright one bears.
        offset = rng.uniform(-0.15, 0.3) * float(img.mean())
        return _clip(float(gain) * _channels(cv2.pow(img, float(gamma)), img) + offset)


class IntensityCurve(A.ImageOnlyTransform):
    """A random curve from old to new grey values: bright tissue may become dark, as between T1 and T2.

    Half of the curves rise; the others are arbitrary. Air stays as it is in all of them.
    """

    def apply(self, img: np.ndarray, **_: Any) -> np.ndarray:
        """Map the grey values through the curve."""
        rng = self.random_generator
        old = np.array([0.0, _AIR, 0.09, 0.17, 0.3, 0.5, 1.0])  # most tissue lies between 0.05 and 0.5
        steps = rng.uniform(0.3, 1, old.size - 2)  # never flat, so that no two tissues become one
        new = np.cumsum(steps) / steps.sum() * rng.uniform(0.2, 0.5)
        if rng.random() < 0.5:
            rng.shuffle(new)
        new = np.concatenate([[0.0, _AIR], _AIR + new])
        return np.interp(img, old, new).astype(np.float32)


class BiasField(A.ImageOnlyTransform):
    """Smooth multiplicative change of brightness, as coils cause it."""

    def apply(self, img: np.ndarray, **_: Any) -> np.ndarray:
        """Multiply by the exponential of a cubic surface through random values."""
        rng = self.random_generator
        size_hw = rng.integers(2, 5, 2)
        coarse = rng.normal(0, rng.uniform(0.1, 0.4), size_hw).astype(np.float32)
        field = cv2.exp(cv2.resize(coarse, img.shape[1::-1], interpolation=cv2.INTER_CUBIC))
        return _clip(img * field[..., None])


class Noise(A.ImageOnlyTransform):
    """Rician noise, as magnitude images have it (Gudbjartsson and Patz 1995), or Gaussian noise."""

    def apply(self, img: np.ndarray, **_: Any) -> np.ndarray:
        """Add complex or real normal noise of 2-25 % of the mean brightness."""
        rng = self.random_generator
        sigma = np.float32(rng.uniform(0.02, 0.25) * img.mean())
        noisy = img + sigma * rng.standard_normal(img.shape, dtype=np.float32)
        if rng.random() < 0.5:
            noisy = np.hypot(noisy, sigma * rng.standard_normal(img.shape, dtype=np.float32))
        return _clip(noisy)


class LowResolution(A.ImageOnlyTransform):
    """A coarser acquisition matrix along rows, columns or both, interpolated back."""

    def apply(self, img: np.ndarray, **_: Any) -> np.ndarray:
        """Shrink by averaging and enlarge linearly."""
        rng = self.random_generator
        factors = np.where(rng.random(2) < 0.7, rng.uniform(1.2, 2.8, 2), 1.0)
        size_wh = [max(1, round(n / f)) for n, f in zip(img.shape[1::-1], factors, strict=True)]
        small = [cv2.resize(channel, size_wh, interpolation=cv2.INTER_AREA) for channel in cv2.split(img)]
        return np.dstack([cv2.resize(c, img.shape[1::-1], interpolation=cv2.INTER_LINEAR) for c in small])


class Ringing(A.ImageOnlyTransform):
    """Gibbs ringing: the outer k-space along one axis is missing."""

    def apply(self, img: np.ndarray, **_: Any) -> np.ndarray:
        """Set the highest spatial frequencies to zero."""
        rng = self.random_generator
        axis = int(rng.integers(2))
        spectrum = fft.rfft(img, axis=axis)
        kept = int(spectrum.shape[axis] * rng.uniform(0.35, 0.7))
        spectrum[(slice(None),) * axis + (slice(kept, None),)] = 0
        return _clip(fft.irfft(spectrum, n=img.shape[axis], axis=axis))


class SaturationBand(A.ImageOnlyTransform):
    """A dark oblique band with soft edges, as saturation slabs leave."""

    def apply(self, img: np.ndarray, **_: Any) -> np.ndarray:
        """Darken the pixels near a random line."""
        rng = self.random_generator
        height, width = img.shape[:2]
        angle, where = rng.uniform(0, np.pi), rng.uniform(0, 1, 2) * (height, width)
        half_width, edge = rng.uniform(0.04, 0.12) * height, rng.uniform(3, 12)
        rows, columns = np.ogrid[:height, :width]
        distance = np.abs((rows - where[0]) * np.cos(angle) + (columns - where[1]) * np.sin(angle))
        inside = np.clip((half_width - distance) / edge, 0, 1).astype(np.float32)
        return img * (1 - np.float32(rng.uniform(0.4, 0.9)) * inside)[..., None]


class Dropout(A.ImageOnlyTransform):
    """A few rectangles that hold nothing, one grey value, or noise."""

    def apply(self, img: np.ndarray, **_: Any) -> np.ndarray:
        """Overwrite the rectangles; the masks keep what lies beneath."""
        rng = self.random_generator
        changed = img.copy()
        for _number in range(rng.integers(1, 5)):
            size = (rng.uniform(0.03, 0.15, 2) * img.shape[:2]).astype(int) + 1
            top, left = rng.integers(0, np.array(img.shape[:2]) - size + 1)
            part = changed[top : top + size[0], left : left + size[1]]
            level, spread = rng.choice([0.0, rng.uniform(0, 0.7)]), rng.choice([0.0, 0.15])
            part[:] = level + spread * rng.standard_normal(part.shape, dtype=np.float32)
        return _clip(changed)


def _channels(result: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Give an image back the channel axis that OpenCV takes off one-channel images."""
    return result.reshape(*result.shape[:2], like.shape[2])


def _clip(image: np.ndarray) -> np.ndarray:
    return np.clip(image, 0, 1, dtype=np.float32)
