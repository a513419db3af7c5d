"""Phantom series of any anatomy, contrast and acquisition: so varied that real ones lie within.

Domain randomisation in the manner of SynthSeg (Billot et al., Medical Image Analysis 86:102789, 2023), with
plausible T1 and T2 contrasts among the random ones.
"""

from dataclasses import dataclass, replace

import numpy as np

from spider2d.data.phantom.rendering import Scan, sample_scan
from spider2d.data.phantom.series import PhantomSeries, make_series
from spider2d.data.phantom.tissues import (
    FAT_SHARE,
    SEQUENCES,
    TISSUE,
    brightness_table,
    random_brightness_table,
)

SEQUENCE_SHARES = (0.5, 0.4, 0.1)


@dataclass(frozen=True)
class Domain:
    """How far random series may lie from ordinary ones; pairs are the ends of a uniform distribution.

    Attributes:
        contrasts: Kind of contrast and its share of the series.
        wildness: Values of ``anatomy.sample_anatomy``'s wildness, equally likely.
        brightness_spread: Relative standard deviation of a tissue's brightness.
        texture, bias, pixel_mm, noise: Scanner settings; ``noise`` is a factor on the ordinary one.
    """

    contrasts: dict[str, float]
    wildness: tuple[float, ...]
    brightness_spread: tuple[float, float]
    texture: tuple[float, float]
    bias: tuple[float, float]
    pixel_mm: tuple[float, float]
    noise: tuple[float, float]


DOMAINS = {
    "wide": Domain(
        contrasts={"plausible": 0.62, "fat_suppressed": 0.12, "random": 0.26},
        wildness=(0.25, 0.6, 1.0),
        brightness_spread=(0.06, 0.3),
        texture=(0.3, 2.2),
        bias=(0.03, 0.35),
        pixel_mm=(0.7, 1.5),
        noise=(0.2, 1.6),
    ),
    "near": Domain(
        contrasts={"plausible": 0.8, "fat_suppressed": 0.14, "random": 0.06},
        wildness=(0.0, 0.3, 0.6),
        brightness_spread=(0.05, 0.18),
        texture=(0.4, 1.6),
        bias=(0.03, 0.25),
        pixel_mm=(0.7, 1.3),
        noise=(0.15, 1.2),
    ),
}


def make_random_series(seed: int, domain: str = "wide") -> PhantomSeries:
    """Return random series number ``seed``: a patient of its own, seen by a scanner of its own."""
    rng, limits = np.random.default_rng([seed, 40]), DOMAINS[domain]
    sequence = str(rng.choice(SEQUENCES, p=SEQUENCE_SHARES))
    shape_sra, spacing_sra_mm = draw_grid(rng, thin=sequence == "t2_SPACE")
    scan = draw_scan(rng, sequence, draw_brightness(rng, sequence, limits), limits)
    wildness = float(rng.choice(limits.wildness))
    return make_series(seed, sequence, shape_sra, spacing_sra_mm, scan=scan, wildness=wildness)


def draw_grid(
    rng: np.random.Generator, thin: bool
) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    """Return shape and spacing (slice, row, column) of a grid that covers the spine from left to right."""
    slice_mm, width_mm = rng.uniform(1.0, 1.8) if thin else rng.uniform(2.5, 5.5), rng.uniform(55, 95)
    pixel_mm = rng.uniform(0.7, 1.0)
    extent_mm = rng.uniform(220, 340), rng.uniform(180, 300)
    shape = (width_mm / slice_mm, extent_mm[0] / pixel_mm, extent_mm[1] / pixel_mm)
    return tuple(round(size) for size in shape), (slice_mm, pixel_mm, pixel_mm)


def draw_brightness(rng: np.random.Generator, sequence: str, limits: Domain) -> np.ndarray:
    """Return a brightness of every tissue: plausible, fat-suppressed (as TIRM and Dixon), or random."""
    kind = rng.choice(list(limits.contrasts), p=list(limits.contrasts.values()))
    table = brightness_table(sequence, rng, spread=rng.uniform(*limits.brightness_spread))
    if kind == "random":
        share = np.float32(rng.uniform(0.4, 1))
        table = share * random_brightness_table(rng) + (1 - share) * table
    if kind == "fat_suppressed":
        table = table * (1 - FAT_SHARE * np.float32(rng.uniform(0.6, 0.97)))
    # Thin cortex is often hardly darker than the marrow behind it.
    cortex, marrow, share = TISSUE["cortex"], TISSUE["marrow"], rng.uniform(0, 0.6)
    table[cortex] = (1 - share) * table[cortex] + share * table[marrow]
    return table.astype(np.float32)


def draw_scan(rng: np.random.Generator, sequence: str, brightness: np.ndarray, limits: Domain) -> Scan:
    """Return scanner settings of a wider range than the ordinary ones."""
    usual = sample_scan(rng, brightness, sequence)
    pixel = rng.uniform(*limits.pixel_mm)
    return replace(
        usual,
        texture=rng.uniform(*limits.texture),
        bias=rng.uniform(*limits.bias),
        coil_depth_mm=float(np.exp(rng.uniform(np.log(50), np.log(600)))),
        resolution_mm=(pixel, pixel * rng.uniform(0.8, 1.3)),
        noise=usual.noise * rng.uniform(*limits.noise),
    )
