"""Whether an image shows a spine with front and back exchanged, as where a header lost its directions."""

import numpy as np

from spider2d.data.normalise import fit_window
from spider2d.inference.look import MIN_SURE_MM2, Look, Spacing, Viewer

MIN_GAIN = 0.01
"""By how much the network must be surer of the mirrored slice. Of 172 real mid-sagittal pictures it is so
for none as they are, and for 171 when they are mirrored (log of 2026-11-27, fourteenth)."""


def is_front_back_exchanged(
    viewer: Viewer, array_sra: np.ndarray, spacing_sra_mm: Spacing, as_it_is: Look | None
) -> bool:
    """Return whether the network is surer of the middle slice when its columns run the other way.

    Args:
        viewer: How the network looks at it.
        array_sra: Canonical image (slice, row, column), not constant. Slices that show little, as beside the
            vertebral bodies, tell nothing.
        spacing_sra_mm: The spacing the image is seen with.
        as_it_is: What the network sees at this spacing; None where the slice tells nothing.
    """
    if as_it_is is None:
        return False
    mirrored = viewer.look(array_sra[..., ::-1], spacing_sra_mm, fit_window(array_sra))
    return mirrored.sure_mm2 >= MIN_SURE_MM2 and mirrored.share >= as_it_is.share + MIN_GAIN
