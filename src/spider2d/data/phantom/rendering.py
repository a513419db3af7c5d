"""From tissues to an image: contrast, coil, blur, noise."""

import cv2
import numpy as np


def coil_sensitivity(
    rng: np.random.Generator, rows: np.ndarray, columns: np.ndarray, skin: float
) -> np.ndarray:
    """Return the brightness factor (R, A) of a surface coil behind the back."""
    depth = np.maximum(skin - columns, 0)[None, :]
    fall_off = np.exp(-depth / rng.uniform(90, 300))
    drift = 1 + 0.15 * np.sin((rows - rng.uniform(-200, 0)) / 120)[:, None]
    return (fall_off * drift).astype(np.float32)


def add_noise(rng: np.random.Generator, image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the magnitude of the image with complex Gaussian noise (Rician)."""
    real = image + sigma * rng.standard_normal(image.shape, np.float32)
    return np.hypot(real, sigma * rng.standard_normal(image.shape, np.float32))


def blur_in_plane(image: np.ndarray, sigma_px: float) -> np.ndarray:
    """Return every slice smoothed by a Gaussian of ``sigma_px`` pixels."""
    return np.stack([cv2.GaussianBlur(plane, (0, 0), sigma_px) for plane in image])
