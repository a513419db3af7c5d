"""Pictures of cases: the methods' overlays side by side, and the voxels where two methods differ."""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from spider2d.data.overlay import overlay_rgb
from spider2d.inference.preview import middle_slice
from spider2d.labels import BACKGROUND, classes_of_labels
from spider2d.reports.case_volumes import CaseVolumes
from spider2d.reports.study import FIXED_PANELS

_PANEL_HEIGHT_INCH, _TITLE_INCH, _LEGEND_INCH, _DPI = 4.4, 0.65, 0.35, 90
_INK, _PAPER = "#e8eaed", "#15181c"

ONLY_FIRST, ONLY_OTHER, BOTH_WRONG = 1, 2, 3
_COLOURS = {ONLY_FIRST: (0.20, 0.70, 1.00), ONLY_OTHER: (1.00, 0.62, 0.10), BOTH_WRONG: (0.95, 0.30, 0.60)}


def overlay_panels(case: CaseVolumes) -> dict[str, np.ndarray]:
    """Return the slice through the middle of the canal as uint8 (H, W, 3) pictures, the plain image first."""
    middle = middle_slice(case.reference_sra)
    grey = case.grey_sra[middle]
    fixed = (np.zeros(grey.shape, np.uint8), case.reference_sra[middle])
    layers = dict(zip(FIXED_PANELS, fixed, strict=True))
    layers |= {method: labels[middle] for method, labels in case.labels_sra.items()}
    return {title: overlay_rgb(grey, labels) for title, labels in layers.items()}


def draw_case(case: CaseVolumes, captions: dict[str, str], title: str) -> bytes:
    """Draw image, reference and every method beside one another.

    Args:
        case: The case.
        captions: What stands below the name of each method, for example its Dice.
        title: First line.

    Returns:
        The PNG file's content.
    """
    panels = overlay_panels(case)
    titles = [f"{name}\n{captions.get(name, '')}" for name in panels]
    return _draw_row(list(panels.values()), titles, case.aspect, title)


def disagreement(reference: np.ndarray, first: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return where two methods give different classes.

    Args:
        reference: Labels of the reference, any shape.
        first: Labels of the first method.
        other: Labels of the other.

    Returns:
        uint8 array: ``ONLY_FIRST`` (the first is right), ``ONLY_OTHER``, ``BOTH_WRONG`` (and different), or 0
        where they agree. Classes are compared, not instance numbers, which are free.
    """
    truth, a, b = (classes_of_labels(labels) for labels in (reference, first, other))
    result = np.where(a == truth, ONLY_FIRST, np.where(b == truth, ONLY_OTHER, BOTH_WRONG))
    return np.where(a == b, 0, result).astype(np.uint8)


def draw_disagreement(case: CaseVolumes, first: str, other: str, title: str) -> bytes:
    """Draw the slice with most differing voxels: reference, both methods, and the differing voxels.

    Returns:
        The PNG file's content.
    """
    differing = disagreement(case.reference_sra, case.labels_sra[first], case.labels_sra[other])
    index = int((differing > 0).sum(axis=(1, 2)).argmax())
    grey = case.grey_sra[index]
    layers = [array[index] for array in (case.reference_sra, case.labels_sra[first], case.labels_sra[other])]
    panels = [overlay_rgb(grey, labels) for labels in layers] + [_paint(grey, differing[index])]
    share = (differing > 0).sum() / max((case.reference_sra != BACKGROUND).sum(), 1)
    titles = ["reference", first, other, f"differing voxels\n{100 * share:.1f} % of the reference's"]
    legend = {f"only {first} right": ONLY_FIRST, f"only {other} right": ONLY_OTHER, "both wrong": BOTH_WRONG}
    caption = f"{title}, slice {index + 1} of {len(differing)}"
    return _draw_row(panels, titles, case.aspect, caption, {name: _COLOURS[k] for name, k in legend.items()})


def _paint(grey_hw: np.ndarray, kinds_hw: np.ndarray) -> np.ndarray:
    rgb = np.repeat(np.clip(grey_hw, 0, 1)[..., None] * 0.7, 3, axis=2)
    for kind, colour in _COLOURS.items():
        rgb[kinds_hw == kind] = colour
    return np.round(rgb * 255).astype(np.uint8)


def _draw_row(
    panels: list[np.ndarray], titles: list[str], aspect: float, title: str, legend: dict | None = None
) -> bytes:
    height, width = panels[0].shape[:2]
    panel_width = max(_PANEL_HEIGHT_INCH * width / (height * aspect), 1.4)
    size = (
        panel_width * len(panels),
        _PANEL_HEIGHT_INCH + _TITLE_INCH + (_LEGEND_INCH if legend else 0),
    )
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained", facecolor=_PAPER)
    figure.suptitle(title, fontsize=10, color=_INK)
    for axes, panel, text in zip(np.ravel(figure.subplots(1, len(panels))), panels, titles, strict=True):
        _show(axes, panel, aspect, text)
    if legend:
        patches = [Patch(color=colour, label=name) for name, colour in legend.items()]
        figure.legend(
            handles=patches, loc="outside lower center", ncols=3, fontsize=9, frameon=False, labelcolor=_INK
        )
    png = io.BytesIO()
    figure.savefig(png, format="png", bbox_inches="tight", pad_inches=0.1, metadata={"Software": None})
    return png.getvalue()


def _show(axes: Axes, panel: np.ndarray, aspect: float, text: str) -> None:
    axes.imshow(panel, aspect=aspect, interpolation="nearest")
    axes.set_title(text, fontsize=9, color=_INK)
    axes.set_axis_off()
