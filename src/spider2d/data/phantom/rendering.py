"""From tissues to an image: contrast, texture, coil, k-space effects and noise.

The scanner is imitated where the effects arise: sharpness, ringing, ghosts and noise are made in k-space.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import fft

from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.tissues import FAT_SHARE, FIBRE, GRAIN


@dataclass(frozen=True)
class Scan:
    """How one series is imaged.

    Attributes:
        brightness: Mean brightness by tissue number, subcutaneous fat of T1 about 1.
        texture: Factor on the tissues' texture.
        fat_shift_px: Rows by which chemical shift displaces fat.
        motion_mm: Blur of the moving abdomen.
        coil_depth_mm: Depth at which a surface coil behind the back has lost 63 % of its signal.
        coil_level_mm, coil_length_mm: Level of the coil's middle and its half length.
        bias: Relative strength of a smooth unevenness.
        band_mm: Distance of an anterior saturation band from the front of the spine; None = no band.
        band_residue: Signal left inside the band.
        resolution_mm: Acquired pixel size along rows and columns (the matrix is interpolated beyond it).
        apodisation: 0 = sharp cut of k-space (ringing), 1 = soft.
        ghost: Relative strength of ghosts along the phase-encoding axis.
        noise: Standard deviation of the noise.
    """

    brightness: np.ndarray
    texture: float
    fat_shift_px: int
    motion_mm: float
    coil_depth_mm: float
    coil_level_mm: float
    coil_length_mm: float
    bias: float
    band_mm: float | None
    band_residue: float
    resolution_mm: tuple[float, float]
    apodisation: float
    ghost: float
    noise: float


def sample_scan(rng: np.random.Generator, brightness: np.ndarray, sequence: str) -> Scan:
    """Return the settings of one scan, within what the real series show."""
    pixel = rng.uniform(0.7, 1.0)
    flat = rng.random() < 0.35
    space = sequence == "t2_SPACE"
    has_band = rng.random() < (0.85 if space else 0.45)
    return Scan(
        brightness=brightness,
        texture=rng.uniform(0.6, 1.3),
        fat_shift_px=int(rng.choice([-1, 0, 0, 1])),
        motion_mm=rng.uniform(1.2, 4.5),
        coil_depth_mm=rng.uniform(250, 600) if flat else rng.uniform(75, 200),
        coil_level_mm=rng.uniform(-150, -70),
        coil_length_mm=rng.uniform(170, 300),
        bias=rng.uniform(0.03, 0.15),
        band_mm=rng.uniform(4, 45) if has_band else None,
        band_residue=rng.uniform(0.02, 0.12 if space else 0.35),
        resolution_mm=(pixel, pixel * rng.uniform(1.0, 1.3)),
        apodisation=rng.uniform(0.2, 1.0),
        ghost=rng.uniform(0, 0.02),
        noise=rng.uniform(0.004, 0.022) * (1.4 if space else 1.0),
    )


def contrast(
    scan: Scan, tissues: np.ndarray, n_sub: int, grain: np.ndarray, fibres: np.ndarray
) -> np.ndarray:
    """Return the ideal image: the mean of the sub-slices' tissues, with their texture.

    Args:
        scan: The scan.
        tissues: uint8 tissue numbers of ``n_sub`` sub-slices per slice.
        n_sub: Sub-slices per slice.
        grain: Field (slices, rows, columns) of about unit size: the lumpy part of the texture.
        fibres: The same for the fibrous part.
    """
    image = _mean_over_slice(scan.brightness, tissues, n_sub)
    if scan.fat_shift_px:
        fat = _mean_over_slice(scan.brightness * FAT_SHARE, tissues, n_sub)
        image += np.roll(fat, scan.fat_shift_px, axis=1) - fat
    middle = tissues[n_sub // 2 :: n_sub]
    texture = (GRAIN * np.float32(scan.texture))[middle] * grain
    texture += (FIBRE * np.float32(scan.texture))[middle] * fibres
    return image * np.maximum(1 + texture, 0)


def _mean_over_slice(brightness: np.ndarray, tissues: np.ndarray, n_sub: int) -> np.ndarray:
    return sum(brightness[tissues[number::n_sub]] for number in range(n_sub)) / np.float32(n_sub)


def move_abdomen(scan: Scan, image: np.ndarray, grid: Grid, front_mm: np.ndarray) -> None:
    """Blur the image in front of the spine (``front_mm`` per row), where bowel and breath move."""
    distance = front_mm[:, None] - 14 - grid.coordinates(2)[None, :]
    share = (1 / (1 + np.exp(np.clip(-distance / 4, -30, 30)))).astype(np.float32)
    sigma = scan.motion_mm / grid.spacing_sra_mm[1]
    for plane in image:
        plane += share * (cv2.GaussianBlur(plane, (0, 0), sigma) - plane)


def sensitivity(
    scan: Scan, grid: Grid, skin_mm: np.ndarray, front_mm: np.ndarray, lumps: np.ndarray
) -> np.ndarray:
    """Return the factor (rows, columns) by which coil, saturation band and unevenness scale the image.

    Args:
        scan: The scan.
        grid: The grid.
        skin_mm: Position of the back's surface, per row.
        front_mm: Position of the spine's front, per row.
        lumps: Coarse random field (rows, columns) for the unevenness.
    """
    levels, columns = grid.coordinates(1)[:, None], grid.coordinates(2)[None, :]
    depth = np.maximum(skin_mm[:, None] - columns, 0)
    factor = np.exp(-depth / scan.coil_depth_mm) * np.exp(depth.mean() / scan.coil_depth_mm * 0.5)
    ends = 1 + (np.abs(levels - scan.coil_level_mm) / scan.coil_length_mm) ** 4
    factor = factor / ends * (1 + scan.bias * lumps)
    if scan.band_mm is not None:
        edge = np.polyval(np.polyfit(levels[:, 0], front_mm, 1), levels) - scan.band_mm
        inside = 1 / (1 + np.exp(np.clip((columns - edge) / 2.5, -30, 30)))
        factor = factor * (1 - inside * (1 - scan.band_residue))
    return factor.astype(np.float32)


def acquire(
    scan: Scan, image: np.ndarray, spacing_rc_mm: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Return the magnitude image as a scanner measures it: finite k-space, ghosts, Rician noise."""
    window = k_space_window(scan, image.shape[1:], spacing_rc_mm)
    # The window removes part of the noise's power; without the factor the noise would depend on it.
    sigma = scan.noise / np.sqrt(np.mean(np.abs(window) ** 2))
    measured = np.empty_like(image)
    for number, plane in enumerate(image):
        noise = rng.standard_normal((2, *plane.shape), dtype=np.float32) * np.float32(sigma)
        signal = (plane + noise[0]) + 1j * noise[1]
        measured[number] = np.abs(fft.ifft2(fft.fft2(signal) * window))
    return measured


def k_space_window(scan: Scan, shape: tuple[int, int], spacing_rc_mm: tuple[float, float]) -> np.ndarray:
    """Return the factor (complex64) on every k-space sample: cut-off, apodisation and a motion ghost."""
    window = np.ones(shape, np.complex64)
    for axis in (0, 1):
        frequency = np.abs(fft.fftfreq(shape[axis], spacing_rc_mm[axis])) * 2 * scan.resolution_mm[axis]
        soft = np.cos(np.clip(frequency, 0, 1) * np.pi / 2 * scan.apodisation) ** 2
        soft = np.where(frequency <= 1, soft, 0)
        window *= soft[:, None] if axis == 0 else soft[None, :]
    lines = np.arange(shape[1])
    ghost = 1 + scan.ghost * np.sin(2 * np.pi * lines * 0.21) + scan.ghost * 0.7 * np.cos(np.pi * lines)
    return (window * ghost[None, :]).astype(np.complex64)


def make_grain(rng: np.random.Generator, shape_sra: tuple[int, int, int], pixel_mm: float) -> np.ndarray:
    """Return a fine-grained random field (unit variance) with structures of about 1.5 mm."""
    grain = rng.standard_normal(shape_sra, dtype=np.float32)
    sigma = max(0.75 / pixel_mm, 0.4)
    for plane in grain:
        cv2.GaussianBlur(plane, (0, 0), sigma, dst=plane)
    return grain / grain.std()
