"""Phantom series of any anatomy, contrast and acquisition: so varied that real ones lie within.

Domain randomisation in the manner of SynthSeg (Billot et al., Medical Image Analysis 86:102789, 2023), with
plausible T1 and T2 contrasts among the random ones.
"""

from dataclasses import replace

import numpy as np
from scipy.ndimage import find_objects

from spider2d.data.phantom.field_of_view import keep_largest_pieces
from spider2d.data.phantom.rendering import Scan, sample_scan
from spider2d.data.phantom.series import PhantomSeries, make_series
from spider2d.data.phantom.tissues import FAT_SHARE, TISSUE, brightness_table, random_brightness_table
from spider2d.data.spider_tables import SEQUENCES
from spider2d.labels import CANAL_LABEL

SEQUENCE_SHARES = (0.5, 0.4, 0.1)
CONTRAST_SHARES = {"plausible": 0.83, "fat_suppressed": 0.1, "random": 0.07}
WILDNESS = (0.2, 0.4, 0.7)
OBLIQUE_SHARE, CLIPPED_SHARE = 0.2, 0.7
SCRAP_SHARE = 0.25
"""Less of a vertebra or disc than this is background where an oblique slab ends."""
CLIPPED_TO_BONE = 1.1, 1.6
"""At what brightness images are clipped at least, relative to the vertebrae's median."""
MARROW_SHARE = (0.25, 0.85)
"""Brightness of marrow relative to fat."""
MARROW_TO_MUSCLE = 1.05, 1.5
"""What marrow is at least, relative to muscle: that of the young is hardly brighter."""
DARK_SHARE, DARK_PROCESSES = 0.5, (0.45, 1.0)
"""In how many series the marrow beside the bodies is darker than theirs, and what it is then."""
USUAL_PIXEL_MM = 0.8
"""Training pixels that series are made for where nothing else is said; coarser ones get the same series."""
PIXEL_SHARE, FINEST_SHARE = (0.875, 1.25), 0.8125
"""Pixels of the grid, and of the sharpest acquisition, relative to those a network is trained on."""
COARSEST_ACQUISITION_MM = 1.6
FATS = [TISSUE[name] for name in ("deep_fat", "subcutaneous_fat", "epidural_fat", "fatty_marrow")]


def make_random_series(seed: int, training_pixel_mm: float = USUAL_PIXEL_MM) -> PhantomSeries:
    """Return random series number ``seed``: a patient of its own, seen by a scanner of its own.

    Args:
        seed: Number of the series.
        training_pixel_mm: Pixel size of the samples it is for: below ``USUAL_PIXEL_MM`` the grid is as fine.
    """
    rng = np.random.default_rng([seed, 40])
    sequence = str(rng.choice(SEQUENCES, p=SEQUENCE_SHARES))
    pixel_mm = min(training_pixel_mm, USUAL_PIXEL_MM)
    shape_sra, spacing_sra_mm = draw_grid(rng, sequence == "t2_SPACE", pixel_mm)
    scan = draw_scan(rng, sequence, draw_brightness(rng, sequence), pixel_mm)
    wildness = float(rng.choice(WILDNESS))
    series = make_series(seed, sequence, shape_sra, spacing_sra_mm, scan=scan, wildness=wildness)
    series = cut_obliquely(rng, series) if rng.random() < OBLIQUE_SHARE else series
    return clip_brightest(rng, series) if rng.random() < CLIPPED_SHARE else series


def cut_obliquely(rng: np.random.Generator, series: PhantomSeries) -> PhantomSeries:
    """Return a series of which only an oblique slab was measured, as in stacks resampled to other slices.

    Its upper and lower face are steep, and lie higher from slice to slice on one side of the patient: lateral
    slices are black above or below.
    """
    slopes = np.tan(np.deg2rad(rng.uniform(-50, 50))), 1.0, np.tan(np.deg2rad(rng.uniform(-40, 40)))
    height_mm = np.float32(0)
    for axis, (n, mm) in enumerate(zip(series.image_sra.shape, series.spacing_sra_mm, strict=True)):
        place_mm = ((np.arange(n) + 0.5 - n / 2) * mm * slopes[axis]).astype(np.float32)
        height_mm = height_mm + place_mm.reshape(np.roll((-1, 1, 1), axis))
    beyond = np.abs(height_mm) > np.quantile(np.abs(height_mm[::2, ::4, ::4]), rng.uniform(0.6, 0.95))
    return replace(
        series,
        image_sra=np.where(beyond, np.float32(0), series.image_sra),
        labels_sra=cut_labels(series.labels_sra, beyond),
        padding_sra=series.padding_sra | beyond,
    )


def cut_labels(labels_sra: np.ndarray, beyond_sra: np.ndarray) -> np.ndarray:
    """Return the labels within; scraps of vertebrae and discs become background, the rest one piece each."""
    before = np.bincount(labels_sra.ravel(), minlength=256)
    left = np.where(beyond_sra, np.uint8(0), labels_sra)
    is_scrap = np.bincount(left.ravel(), minlength=256) < SCRAP_SHARE * before
    is_scrap[CANAL_LABEL] = False
    return keep_largest_pieces(np.where(is_scrap[left], np.uint8(0), left))


def clip_brightest(rng: np.random.Generator, series: PhantomSeries) -> PhantomSeries:
    """Return a series whose brightest values are all alike, as in images exported as 8-bit windows.

    The limit is a percentile of the image about the spine: fat there has no texture left, and marrow comes
    near it, but stays below.
    """
    is_bone = (series.labels_sra > 0) & (series.labels_sra < CANAL_LABEL)
    bone = np.median(series.image_sra[is_bone]) if is_bone.any() else 0.0
    spine = find_objects((series.labels_sra > 0).astype(int))[0]
    _, rows, columns = (slice(max(0, side.start - 8), side.stop + 8) for side in spine)
    limit = np.percentile(series.image_sra[:, rows, columns][:, ::3, ::3], rng.uniform(80, 99.5))
    limit = np.float32(max(limit, bone * rng.uniform(*CLIPPED_TO_BONE)))
    return replace(series, image_sra=np.minimum(series.image_sra, limit))


def draw_grid(
    rng: np.random.Generator, thin: bool, wanted_pixel_mm: float = USUAL_PIXEL_MM
) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    """Return shape and spacing (slice, row, column) of a grid that covers the spine from left to right."""
    slice_mm, width_mm = rng.uniform(1.0, 1.8) if thin else rng.uniform(2.5, 5.5), rng.uniform(60, 105)
    pixel_mm = wanted_pixel_mm * rng.uniform(*PIXEL_SHARE)
    extent_mm = rng.uniform(220, 340), rng.uniform(180, 300)
    shape = (width_mm / slice_mm, extent_mm[0] / pixel_mm, extent_mm[1] / pixel_mm)
    return tuple(round(size) for size in shape), (slice_mm, pixel_mm, pixel_mm)


def draw_brightness(rng: np.random.Generator, sequence: str) -> np.ndarray:
    """Return a brightness of every tissue: plausible, fat-suppressed (as TIRM and Dixon), or random."""
    kind = rng.choice(list(CONTRAST_SHARES), p=list(CONTRAST_SHARES.values()))
    table = brightness_table(sequence, rng, spread=rng.uniform(0.05, 0.2))
    # On real T1 and T2 images fat is one tissue, and marrow that is no tumour is darker.
    table[FATS] = table[TISSUE["deep_fat"]] * rng.lognormal(0, 0.04, len(FATS))
    marrow = table[TISSUE["deep_fat"]] * rng.uniform(*MARROW_SHARE)
    table[TISSUE["marrow"]] = max(marrow, table[TISSUE["muscle"]] * rng.uniform(*MARROW_TO_MUSCLE))
    dark = rng.uniform(*DARK_PROCESSES) if rng.random() < DARK_SHARE else 1.0
    least = table[TISSUE["muscle"]] * rng.uniform(1.0, 1.2)
    table[TISSUE["process_marrow"]] = max(dark * table[TISSUE["marrow"]], least)
    if kind == "random":
        share = np.float32(rng.uniform(0.4, 1))
        table = share * random_brightness_table(rng) + (1 - share) * table
    if kind == "fat_suppressed":
        table = table * (1 - FAT_SHARE * np.float32(rng.uniform(0.6, 0.97)))
    # Thin cortex is often hardly darker than the marrow behind it.
    cortex, marrow, share = TISSUE["cortex"], TISSUE["marrow"], rng.uniform(0, 0.5)
    table[cortex] = (1 - share) * table[cortex] + share * table[marrow]
    return table.astype(np.float32)


def draw_scan(rng: np.random.Generator, sequence: str, brightness: np.ndarray, pixel_mm: float) -> Scan:
    """Return scanner settings of a wider range than the ordinary ones."""
    usual = sample_scan(rng, brightness, sequence)
    finest_mm = FINEST_SHARE * pixel_mm
    pixel = float(np.exp(rng.uniform(np.log(finest_mm), np.log(COARSEST_ACQUISITION_MM))))
    return replace(
        usual,
        texture=rng.uniform(0.4, 1.6),
        bias=rng.uniform(0.03, 0.25),
        coil_depth_mm=float(np.exp(rng.uniform(np.log(50), np.log(600)))),
        resolution_mm=(pixel, pixel * rng.uniform(0.8, 1.3)),
        noise=usual.noise * rng.uniform(0.15, 1.2),
    )
