"""The report on one segmented volume: what was found, how sure it is, and what a reader should know.

Everything is plain values, ready for JSON.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from spider2d.data.geometry import Geometry
from spider2d.inference.instances import InstanceResult
from spider2d.inference.plausibility import find_doubts
from spider2d.inference.restack import CONFIDENCE_SCALE
from spider2d.labels import CANAL, CLASS_NAMES, VERTEBRA, class_of_label

LOW_CONFIDENCE = 0.75
"""Instances with a lower mean probability are warned of."""
TALL_MM, MAX_MM_PER_VERTEBRA = 200.0, 100.0
"""Images taller than both this and this for each vertebra found should show more of them (172 real ones: at
most 75 mm per labelled vertebra)."""
KNOWN_SLICE_SPACING_MM = (0.85, 9.7)
KNOWN_PIXEL_SIZE_MM = (0.23, 1.25)
"""Spacings of the public SPIDER series, rounded outwards: what the program is made for."""

_SIDES_SRA = (("left", "right"), ("superior", "inferior"), ("anterior", "posterior"))


def describe_instances(
    labels_sra: np.ndarray, confidence_sra: np.ndarray | None, geometry: Geometry
) -> list[dict[str, Any]]:
    """Describe every instance of a label volume.

    Args:
        labels_sra: Canonical label volume (slice, row, column), integer.
        confidence_sra: uint8 of the same shape, probability times ``CONFIDENCE_SCALE``; None if unknown.
        geometry: The grid of the input.

    Returns:
        One dict per label, ascending: label, class, voxels, volume_ml (None for a single slice), centroid_mm
        (LPS world; x, y of the file for a 2D image), touches_border (bool), border_sides (names of the sides
        of the volume it touches; the only slice of a volume counts as no side), confidence (0-1, mean over
        its voxels; None if unknown). Empty without labels.
    """
    boxes = enumerate(ndimage.find_objects(labels_sra), start=1)
    return [
        _describe_instance(label, box, labels_sra, confidence_sra, geometry)
        for label, box in boxes
        if box is not None
    ]


def _describe_instance(
    label: int,
    box: tuple[slice, ...],
    labels_sra: np.ndarray,
    confidence_sra: np.ndarray | None,
    geometry: Geometry,
) -> dict[str, Any]:
    inside = labels_sra[box] == label
    voxels = int(inside.sum())
    centroid_sra = [
        float(np.mean(indices)) + side.start for indices, side in zip(inside.nonzero(), box, strict=True)
    ]
    sides = _border_sides(box, labels_sra.shape)
    volume_ml = voxels * float(np.prod(geometry.spacing_xyz_mm)) / 1000
    return {
        "label": label,
        "class": CLASS_NAMES[class_of_label(label)],
        "voxels": voxels,
        "volume_ml": None if geometry.shape_sra[0] == 1 else round(volume_ml, 3),
        "centroid_mm": [round(mm, 2) for mm in world_position(centroid_sra, geometry)],
        "touches_border": bool(sides),
        "border_sides": sides,
        "confidence": None if confidence_sra is None else _mean_confidence(confidence_sra[box][inside]),
    }


def _mean_confidence(values: np.ndarray) -> float:
    return round(float(values.mean()) / CONFIDENCE_SCALE, 4)


def _border_sides(box: Sequence[slice], shape_sra: Sequence[int]) -> list[str]:
    """Return the names of the sides of the volume that a box touches; axes of one voxel have no sides."""
    return [
        name
        for side, size, (first, last) in zip(box, shape_sra, _SIDES_SRA, strict=True)
        for name, touched in ((first, side.start == 0), (last, side.stop == size))
        if touched and size > 1
    ]


def world_position(position_sra: Sequence[float], geometry: Geometry) -> list[float]:
    """Return where a canonical voxel position lies, in mm.

    Args:
        position_sra: Voxel position (slice, row, column) in the canonical array; 0 = middle of the first.
        geometry: The grid of the stored image.

    Returns:
        LPS x, y, z; for a promoted 2D image x, y in the file's own plane.
    """
    axes_xyz, flips = geometry.orientation
    index_xyz = np.empty(3)
    for position, axis, flip in zip(position_sra, axes_xyz, flips, strict=True):
        index_xyz[axis] = geometry.size_xyz[axis] - 1 - position if flip else position
    steps_mm = index_xyz * geometry.spacing_xyz_mm
    if geometry.source_2d is not None:
        direction = np.reshape(geometry.source_2d.direction, (2, 2))
        return (direction @ steps_mm[:2] + geometry.source_2d.origin_xy_mm).tolist()
    return (np.reshape(geometry.direction, (3, 3)) @ steps_mm + geometry.origin_xyz_mm).tolist()


def find_warnings(
    instances: list[dict[str, Any]],
    result: InstanceResult,
    geometry: Geometry,
    seen_sra_mm: tuple[float, float, float] | None = None,
    is_exchanged: bool = False,
    directions_stated: bool = True,
) -> list[dict[str, Any]]:
    """Return what a reader should know before trusting the masks.

    Args:
        instances: What ``describe_instances`` returned.
        result: What ``label_instances`` returned.
        geometry: The grid of the input.
        seen_sra_mm: The spacing the image was segmented with; None = the grid's.
        is_exchanged: Whether front and back seem to be exchanged.
        directions_stated: Whether the file says how its axes lie in the patient.

    Returns:
        Dicts with code (for programs), label (the instance, or None for the volume) and message.
    """
    warnings = _spacing_warnings(geometry)
    if not directions_stated:
        message = (
            "the file does not say how its axes lie in the patient, so left and right, top and bottom may be "
            "exchanged: compare the labels with the image, or export it again with its directions"
        )
        warnings.append(_warning("no_directions", message))
    if seen_sra_mm is not None and tuple(seen_sra_mm) != tuple(geometry.spacing_sra_mm):
        warnings.append(_pixel_size_warning(geometry.spacing_sra_mm, seen_sra_mm))
    if is_exchanged:
        message = "the image looks more like a spine with front and back exchanged: check its directions"
        warnings.append(_warning("front_back", message))
    vertebrae = [instance["label"] for instance in instances if instance["class"] == CLASS_NAMES[VERTEBRA]]
    if not instances:
        message = "no structure found; is this a sagittal lumbar-spine MRI?"
        return [*warnings, _warning("nothing_found", message)]
    if not any(instance["class"] == CLASS_NAMES[CANAL] for instance in instances):
        warnings.append(_warning("no_canal", "no spinal canal found"))
    if result.topmost_incomplete and vertebrae:
        message = "the field of view cuts the topmost vertebra"
        warnings.append(_warning("topmost_vertebra_cut", message, max(vertebrae)))
    if geometry.shape_sra[0] > 1:  # a single slice may lie beside most of them
        warnings += _few_vertebrae_warnings(len(vertebrae), geometry)
    if result.spine is not None:
        warnings += [_warning(doubt.code, doubt.message, doubt.label) for doubt in find_doubts(result.spine)]
    for instance in instances:
        if instance["confidence"] is not None and instance["confidence"] < LOW_CONFIDENCE:
            message = (
                f"low confidence ({instance['confidence']:.2f}) in {instance['class']} {instance['label']}"
            )
            warnings.append(_warning("low_confidence", message, instance["label"]))
    return warnings + [_warning("instances", note) for note in result.notes]


def _few_vertebrae_warnings(n_vertebrae: int, geometry: Geometry) -> list[dict[str, Any]]:
    height_mm = geometry.shape_sra[1] * geometry.spacing_sra_mm[1]
    if height_mm <= max(TALL_MM, n_vertebrae * MAX_MM_PER_VERTEBRA):
        return []
    message = (
        f"only {n_vertebrae} of the vertebrae that an image {height_mm:.0f} mm tall should show: is it a "
        "sagittal lumbar-spine MRI, and does the header say how it lies?"
    )
    return [_warning("few_vertebrae", message)]


def _spacing_warnings(geometry: Geometry) -> list[dict[str, Any]]:
    """Warn of spacings the program was not made for; a 2D image has no slice spacing."""
    slice_mm, row_mm, column_mm = geometry.spacing_sra_mm
    checks = [("pixel size", mm, KNOWN_PIXEL_SIZE_MM) for mm in {row_mm, column_mm}]
    if geometry.source_2d is None:
        checks.append(("slice spacing", slice_mm, KNOWN_SLICE_SPACING_MM))
    return [
        _warning("unusual_spacing", f"{name} {mm:.3g} mm; the SPIDER series have {low}-{high} mm")
        for name, mm, (low, high) in checks
        if not low <= mm <= high
    ]


def _pixel_size_warning(stated_sra_mm: Sequence[float], seen_sra_mm: Sequence[float]) -> dict[str, Any]:
    stated, seen = (f"{spacing[1]:.3g} x {spacing[2]:.3g} mm" for spacing in (stated_sra_mm, seen_sra_mm))
    message = (
        f"pixels look more like {seen} (row x column) than {stated} as the header says, and were taken so; "
        "volumes and positions follow the header. Find out the true size (or use --trust-pixel-size)"
    )
    return _warning("pixel_size", message)


def _warning(code: str, message: str, label: int | None = None) -> dict[str, Any]:
    return {"code": code, "label": label, "message": message}
