"""A picture to judge a segmentation by: a few sagittal slices, the image left and the overlay right."""

import io
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy import ndimage

from spider2d.data.normalise import apply_window, fit_window
from spider2d.data.overlay import overlay_rgb
from spider2d.labels import CANAL_LABEL, CLASS_NAMES, class_of_label

PARASAGITTAL_MM = 15.0
"""Distance of the outer pictures from the middle one: about where pedicles and facet joints are."""
DISPLAY_GAMMA = 0.6
"""Below 1: brightens the spine, which lies between the bright fat near the coil and the dark abdomen."""
MAX_REMARKS = 4
_PANEL_HEIGHT_INCH, _LEGEND_INCH, _LINE_INCH, _DPI = 5.0, 1.6, 0.16, 100
_MAX_PANEL_WIDTH_INCH = 15.0
_CHARACTERS_PER_INCH, _MIN_CHARACTERS = 14, 30


def draw_preview(
    image_sra: np.ndarray,
    labels_sra: np.ndarray,
    spacing_sra_mm: Sequence[float],
    title: str,
    remarks: Sequence[str] = (),
) -> bytes:
    """Draw slices of an image beside their labels, in true proportions.

    Args:
        image_sra: Canonical image (slice, row, column), any real type, not constant.
        labels_sra: Canonical labels of the same shape.
        spacing_sra_mm: Spacing of both.
        title: First line above the pictures.
        remarks: Further lines, for example warnings.

    Returns:
        The PNG file's content.
    """
    window = fit_window(image_sra)
    indices = choose_slices(labels_sra, spacing_sra_mm[0])
    _, row_mm, column_mm = spacing_sra_mm
    in_proportion_inch = _PANEL_HEIGHT_INCH * image_sra.shape[2] * column_mm / (image_sra.shape[1] * row_mm)
    panel_inch = min(in_proportion_inch, _MAX_PANEL_WIDTH_INCH)
    width_inch = 2 * panel_inch + _LEGEND_INCH
    lines = _heading(title, remarks, width_inch - 2 * _LEGEND_INCH)
    figure = Figure(
        figsize=(width_inch, _PANEL_HEIGHT_INCH * len(indices) + _LINE_INCH * len(lines)),
        dpi=_DPI,
        layout="constrained",
    )
    figure.suptitle("\n".join(lines), fontsize=9, parse_math=False)
    axes = figure.subplots(len(indices), 2, squeeze=False)
    for (left, right), index in zip(axes, indices, strict=True):
        grey_hw = apply_window(image_sra[index], window) ** DISPLAY_GAMMA
        plain = overlay_rgb(grey_hw, np.zeros(grey_hw.shape, np.uint8))
        left.imshow(plain, aspect=row_mm / column_mm)
        right.imshow(overlay_rgb(grey_hw, labels_sra[index]), aspect=row_mm / column_mm)
        _write_numbers(right, labels_sra[index])
        left.set_title(f"slice {index + 1} of {len(image_sra)}, counted from the left", fontsize=8)
    for panel in axes.flat:
        panel.set_axis_off()
    _add_legend(figure, labels_sra)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def _heading(title: str, remarks: Sequence[str], width_inch: float) -> list[str]:
    """Return the lines above the pictures, none wider than there is room beside the legend."""
    texts = [title, *remarks[:MAX_REMARKS]]
    if len(remarks) > MAX_REMARKS:
        texts.append(f"and {len(remarks) - MAX_REMARKS} more warnings")
    characters = max(_MIN_CHARACTERS, int(width_inch * _CHARACTERS_PER_INCH))
    return [line for text in texts for line in textwrap.wrap(text, characters)]


def choose_slices(labels_sra: np.ndarray, slice_spacing_mm: float) -> list[int]:
    """Return the slices to show, left to right: ``middle_slice`` and one on each side.

    Beside it ``PARASAGITTAL_MM`` away, or the outermost slices; each slice once.
    """
    middle, last = middle_slice(labels_sra), len(labels_sra) - 1
    steps = round(PARASAGITTAL_MM / slice_spacing_mm)
    return sorted({max(middle - steps, 0), middle, min(middle + steps, last)})


def middle_slice(labels_sra: np.ndarray) -> int:
    """Return the slice that shows most canal; without a canal most labels; without labels the middle one."""
    counts = (labels_sra == CANAL_LABEL).sum(axis=(1, 2))
    if not counts.any():
        counts = (labels_sra > 0).sum(axis=(1, 2))
    return int(counts.argmax()) if counts.any() else len(labels_sra) // 2


def _write_numbers(panel: Axes, labels_hw: np.ndarray) -> None:
    """Write each label at the point deepest inside its area, so that it stands on the body, not the canal."""
    for label, box in enumerate(ndimage.find_objects(labels_hw), start=1):
        if box is None or label == CANAL_LABEL:
            continue
        depth = ndimage.distance_transform_edt(np.pad(labels_hw[box] == label, 1))
        row, column = np.unravel_index(depth.argmax(), depth.shape)
        position = (box[1].start + column - 1, box[0].start + row - 1)
        panel.annotate(str(label), position, color="white", fontsize=7, ha="center", va="center")


def _add_legend(figure: Figure, labels_sra: np.ndarray) -> None:
    """List the labels of the volume at the right, from the top of the spine down."""
    labels = sorted(np.unique(labels_sra[labels_sra > 0]).tolist(), key=_height_order, reverse=True)
    patches = [
        Patch(color=_colour(label), label=f"{CLASS_NAMES[class_of_label(label)]} {label}") for label in labels
    ]
    if patches:
        figure.legend(handles=patches, loc="outside right upper", fontsize=8, frameon=False)


def _height_order(label: int) -> tuple[bool, int, int]:
    """Order labels from the bottom up, a disc before the vertebra above it; the canal last."""
    return label == CANAL_LABEL, label % 100, -label


def _colour(label: int) -> tuple[float, ...]:
    rgb = overlay_rgb(np.zeros((1, 1)), np.full((1, 1), label), alpha=1.0)
    return tuple((rgb[0, 0] / 255).tolist())
