"""From SPIDER labels to what is stored and trained on: class map, instance map, vertebra centres."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spider2d.labels import (
    BACKGROUND,
    CLASS_NAMES,
    IGNORE_CLASS,
    VERTEBRA,
    classes_of_labels,
    unknown_labels,
)


@dataclass(frozen=True)
class LabelMaps:
    """The maps of one series, (S, H, W).

    Attributes:
        classes: uint8, 0-3 or ``IGNORE_CLASS``.
        instances: uint8, SPIDER's label values; 0 where the class is background or ignored.
        centres: Vertebra label -> centroid (slice, row, column) of all its voxels.
        slice_classes: Per slice, the names of the foreground classes it shows.
        unknown_labels: Label values that SPIDER does not define; such voxels are ignored.
    """

    classes: np.ndarray
    instances: np.ndarray
    centres: dict[int, tuple[float, float, float]]
    slice_classes: tuple[tuple[str, ...], ...]
    unknown_labels: tuple[int, ...]


def map_labels(labels_shw: np.ndarray, labelled_classes: Collection[str]) -> LabelMaps:
    """Sort the labelled voxels of a mask into classes and instances.

    Args:
        labels_shw: Integer array (S, H, W) of SPIDER label values.
        labelled_classes: Names of the classes the source labels. Voxels of other classes become background,
            as they would be had nobody drawn them.

    Returns:
        The maps; all 0 for an empty mask.
    """
    where = np.flatnonzero(labels_shw != 0)  # a few per cent of the voxels: all work is done on them only
    values = labels_shw.ravel()[where]
    kinds = classes_of_labels(values)
    unlabelled = [i for i, name in enumerate(CLASS_NAMES) if i != BACKGROUND and name not in labelled_classes]
    kinds[np.isin(kinds, unlabelled)] = BACKGROUND
    shown = (kinds != BACKGROUND) & (kinds != IGNORE_CLASS)
    vertebra = kinds == VERTEBRA
    return LabelMaps(
        classes=_scatter(where, kinds, labels_shw.shape),
        instances=_scatter(where[shown], values[shown], labels_shw.shape),
        centres=_centroids(where[vertebra], values[vertebra], labels_shw.shape),
        slice_classes=_classes_by_slice(where[shown], kinds[shown], labels_shw.shape),
        unknown_labels=tuple(unknown_labels(values[kinds == IGNORE_CLASS])),
    )


def unlabelled_maps(shape_shw: tuple[int, int, int]) -> LabelMaps:
    """Return the maps of a series without a mask: every voxel is ignored."""
    return LabelMaps(
        classes=np.full(shape_shw, IGNORE_CLASS, dtype=np.uint8),
        instances=np.zeros(shape_shw, dtype=np.uint8),
        centres={},
        slice_classes=((),) * shape_shw[0],
        unknown_labels=(),
    )


def _scatter(where: np.ndarray, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a uint8 array of zeros with ``values`` at the flat positions ``where``."""
    scattered = np.zeros(shape, dtype=np.uint8)
    scattered.ravel()[where] = values
    return scattered


def _centroids(
    where: np.ndarray, labels: np.ndarray, shape: tuple[int, ...]
) -> dict[int, tuple[float, float, float]]:
    """Return label -> mean position of the (sorted) flat positions ``where`` that carry it.

    Works on runs of one label within a row, of which there are some twenty times fewer than voxels.
    """
    if where.size == 0:
        return {}
    rows = where // shape[2]
    begins = (np.diff(labels) != 0) | (np.diff(rows) != 0) | (np.diff(where) != 1)
    first = np.concatenate([[0], np.flatnonzero(begins) + 1])
    lengths = np.diff(first, append=where.size)
    run_labels, run_rows = labels[first], rows[first]
    middles = where[first] - run_rows * shape[2] + (lengths - 1) / 2
    positions = (run_rows // shape[1], run_rows % shape[1], middles)
    counts = np.bincount(run_labels, weights=lengths)
    present = np.flatnonzero(counts)
    sums = [np.bincount(run_labels, weights=lengths * position)[present] for position in positions]
    means = np.transpose(sums) / counts[present, None]
    return {
        int(label): (float(s), float(r), float(c)) for label, (s, r, c) in zip(present, means, strict=True)
    }


def _classes_by_slice(
    where: np.ndarray, kinds: np.ndarray, shape: tuple[int, ...]
) -> tuple[tuple[str, ...], ...]:
    bounds = np.searchsorted(where, np.arange(shape[0] + 1) * (shape[1] * shape[2]))
    return tuple(
        tuple(CLASS_NAMES[kind] for kind in np.flatnonzero(np.bincount(kinds[first:last])))
        for first, last in pairwise(bounds)
    )
