"""Whether pixels are as large as the header says, by the size of bodies and by where the network is surest.

Some files state wrong pixels: pictures that never had a header, series resampled or converted carelessly.
The network sees millimetres: where bodies look far too tall or too small it cuts them in two or misses
them, and is less sure of them than at the true size. One trained on a wide range of magnifications bears
more, and tells less; but then its discs and bodies are where they are, and their sizes tell (``body_size``).
"""

from collections.abc import Sequence

import numpy as np

from spider2d.data.normalise import fit_window
from spider2d.inference.body_size import true_size_factors
from spider2d.inference.look import MIN_SURE_MM2, Look, Spacing, Viewer

WELL_READ = 0.855
"""From this sureness on (see ``look.share_sure``) the header is believed without a look at other sizes."""
MIN_SURENESS = 0.65
"""What another size must reach to be believed instead, with ``MIN_SURE_MM2``. Slices beside the bodies have
less: see ``BESIDE_BODIES_RATIO``."""
MIN_GAIN, MIN_GAIN_LARGER = 0.025, 0.08
"""By how much it must exceed the stated size, and by how much if it is larger: what is seen larger has less
rim, of which no network is sure."""
FACTORS = (0.55, 0.65, 0.8, 1.25, 1.5)
"""What the size of rows, or of rows and columns, is multiplied by."""
MAX_LOSS = 0.05
"""How much less sure the network may be of the size that discs and bodies tell."""
MAX_SEEN_MM = 600.0
"""Larger fields of view are not tried."""
BESIDE_BODIES_RATIO, BESIDE_BODIES_MM2 = 1.5, 500.0
"""A lone slice of which less than ``MIN_SURE_MM2`` is sure lies beside the bodies, with no other to judge by.
It is seen smaller, rows and columns alike, where the share that is sure does not fall, and what is sure
covers the first times as much of the picture and at least the second (mm2 as stated). Of several such sizes
that which is sure of most is taken."""


def believable_spacing(
    viewer: Viewer, array_sra: np.ndarray, spacing_sra_mm: Spacing
) -> tuple[Spacing, Look | None]:
    """Return the spacing with the pixel size the image seems to have: the stated one without good reason.

    With it what the network sees at this spacing is returned, None where it was not looked at.

    Args:
        viewer: How the network looks at it.
        array_sra: Canonical image (slice, row, column), not constant; its middle slice is looked at. One that
            holds a single value tells nothing.
        spacing_sra_mm: Its spacing as stated.
    """
    slice_mm, row_mm, column_mm = spacing_sra_mm
    middle = array_sra[len(array_sra) // 2]
    if middle.min() == middle.max():
        return spacing_sra_mm, None
    window = fit_window(array_sra)

    def look_at(factors_rc: Sequence[tuple[float, float]]) -> dict[Spacing, Look]:
        sizes = [(slice_mm, row_mm * f, column_mm * g) for f, g in factors_rc]
        extents_mm = {size: np.multiply(array_sra.shape, size)[1:].max() for size in sizes}
        return {
            size: viewer.look(array_sra, size, window) for size in sizes if extents_mm[size] <= MAX_SEEN_MM
        }

    stated = viewer.look(array_sra, spacing_sra_mm, window)
    for spacing, seen in look_at(true_size_factors(stated.bodies)).items():  # one at most
        if seen.bodies and not true_size_factors(seen.bodies) and seen.share >= stated.share - MAX_LOSS:
            return spacing, seen
    if stated.share >= WELL_READ:
        return spacing_sra_mm, stated
    found = look_at([(f, g) for f in FACTORS for g in (1.0, f)])
    believable = _surer(found, spacing_sra_mm, stated)
    if not believable and len(array_sra) == 1 and stated.sure_mm2 < MIN_SURE_MM2:
        believable = _surer_beside_bodies(found, spacing_sra_mm, stated)
    best = max(believable, key=believable.get, default=spacing_sra_mm)
    return best, found.get(best, stated)


def _surer(found: dict[Spacing, Look], stated_mm: Spacing, stated: Look) -> dict[Spacing, float]:
    """Return the sizes at which a slice through the bodies is clearly surer than as stated, and how sure."""
    return {
        spacing: seen.share
        for spacing, seen in found.items()
        if seen.sure_mm2 >= MIN_SURE_MM2
        and seen.share >= max(MIN_SURENESS, stated.share + _min_gain(spacing, stated_mm))
    }


def _surer_beside_bodies(
    found: dict[Spacing, Look], stated_mm: Spacing, stated: Look
) -> dict[Spacing, float]:
    """Return the smaller sizes at which a slice beside the bodies is surer, and of how many mm2 as stated."""
    needed_mm2 = max(BESIDE_BODIES_MM2, BESIDE_BODIES_RATIO * stated.sure_mm2)
    as_stated_mm2 = {
        spacing: seen.sure_mm2 * float(np.prod(stated_mm) / np.prod(spacing))
        for spacing, seen in found.items()
        if spacing[1] < stated_mm[1] and spacing[2] < stated_mm[2] and seen.share >= stated.share
    }
    return {spacing: mm2 for spacing, mm2 in as_stated_mm2.items() if mm2 >= needed_mm2}


def _min_gain(spacing: Spacing, stated: Spacing) -> float:
    """Return by how much a size must be surer than the stated one; larger ones (by area) by more."""
    return MIN_GAIN if np.prod(spacing) < np.prod(stated) else MIN_GAIN_LARGER
