"""Training samples: sample number k of a seed is always the same patch, on any machine and in any process.

Resuming a run and sharing it among GPUs only choose which numbers are drawn.
"""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from spider2d.data.augment import Augmentation, Patch, build_augmentation
from spider2d.data.data_config import OFFSET_UNIT_MM, AugmentConfig, DataConfig
from spider2d.data.plane import neighbour_indices
from spider2d.data.slices import SeriesMeta, open_arrays, read_meta
from spider2d.data.territories import nearest_instances
from spider2d.errors import DatasetError
from spider2d.labels import CLASS_NAMES, VERTEBRA


@dataclass(frozen=True)
class LabelledStack:
    """The slices of one series, on disk or in memory.

    Attributes:
        image: (S, H, W), normalised to 0-2.
        classes, instances: uint8 (S, H, W).
        spacing_sra_mm: Spacing of slices, rows and columns.
        centres: Vertebra label -> centroid (slice, row, column) of the whole vertebra, in voxels.
        slice_classes: Per slice, the names of the classes it shows.
        labelled: Whether each class is labelled, background first.
    """

    image: np.ndarray
    classes: np.ndarray
    instances: np.ndarray
    spacing_sra_mm: tuple[float, float, float]
    centres: dict[int, tuple[float, float, float]]
    slice_classes: tuple[tuple[str, ...], ...]
    labelled: tuple[bool, ...]


class SliceSamples(Dataset):
    """Augmented patches by sample number; numbers have no end, so a sampler chooses them.

    A sample takes a series (all equally likely, so that the few long SPACE series do not outweigh the
    others), then one of its slices that shows a labelled structure (see ``draw_slice``) or none, then a patch
    of it. Series without a mask are left out.

    Args:
        slices_dir: Folder that the extraction wrote.
        series_names: The series to draw from.
        config: Patch size, channels, share of empty slices.
        augment: How samples are changed; None cuts patches only.
        seed: Another seed gives other samples.

    Raises:
        DatasetError: A series is missing or damaged, or none has a mask.
    """

    def __init__(
        self,
        slices_dir: Path | str,
        series_names: Sequence[str],
        config: DataConfig,
        augment: AugmentConfig | None,
        seed: int,
    ):
        self._metas = labelled_metas(slices_dir, series_names)
        self._slices_dir = Path(slices_dir)
        self._config = config
        self._augment = augment
        self._seed = seed
        self._augmentation = build_augmentation(augment, config.patch_hw, config.foreground_crop)

    def __getitem__(self, sample_number: int) -> dict[str, torch.Tensor]:
        """Return one sample; see `make_sample`."""
        rng = np.random.default_rng([self._seed, sample_number])
        meta = self._metas[rng.integers(len(self._metas))]
        # Opened for each sample: 447 series of three files would exceed the usual limit of open files.
        arrays = open_arrays(self._slices_dir, meta.name)
        stack = LabelledStack(*arrays, meta.spacing_sra_mm, meta.centres, meta.slice_classes, meta.labelled)
        return make_sample(stack, rng, self._config, self._augment, self._augmentation)


def make_sample(
    stack: LabelledStack,
    rng: np.random.Generator,
    config: DataConfig,
    augment: AugmentConfig | None,
    augmentation: Augmentation,
) -> dict[str, torch.Tensor]:
    """Draw a slice of a series and return an augmented patch of it.

    Returns:
        ``image`` float32 (C, H, W), 0-2. ``classes`` int64 (H, W), 0-3 or ``IGNORE_CLASS``. ``offsets``
        float32 (2, H, W): row and column distance from each vertebra pixel to the centroid of its whole
        vertebra, in units of ``OFFSET_UNIT_MM``, 0 elsewhere. ``offset_mask`` bool (H, W): where offsets
        hold. ``territories`` uint8 (H, W): the vertebra each pixel is nearest to. ``labelled`` bool (4,): the
        classes this source labels.
    """
    index = draw_slice(rng, stack.slice_classes, config.empty_fraction, config.beside_bodies_fraction)
    # Left and right may be swapped, which one slice alone does not show.
    several = len(config.channel_offsets_mm) > 1
    mirrored = several and augment is not None and rng.random() < augment.reverse_channels
    offsets_mm = [-mm if mirrored else mm for mm in config.channel_offsets_mm]
    if config.neighbour_dropout and rng.random() < config.neighbour_dropout:
        offsets_mm = [0.0] * len(offsets_mm)
    image_hwc = read_channels(stack, index, offsets_mm)
    centres_rc = np.array([centre[1:] for centre in stack.centres.values()]).reshape(-1, 2)
    maps = np.array(stack.classes[index]), np.array(stack.instances[index])
    patch = augmentation(image_hwc, *maps, centres_rc, seed=int(rng.integers(2**32)))
    offsets, offset_mask = centre_offsets(patch, list(stack.centres), stack.spacing_sra_mm[1:])
    return {
        "image": torch.from_numpy(np.ascontiguousarray(patch.image_hwc.transpose(2, 0, 1))),
        "classes": torch.from_numpy(patch.classes.astype(np.int64)),
        "offsets": torch.from_numpy(offsets),
        "offset_mask": torch.from_numpy(offset_mask),
        "territories": torch.from_numpy(nearest_instances(patch.instances, patch.classes == VERTEBRA)),
        "labelled": torch.tensor(stack.labelled),
    }


def read_channels(stack: LabelledStack, index: int, offsets_mm: Sequence[float]) -> np.ndarray:
    """Return a slice and its neighbours at the given distances as the channels of an image (H, W, C)."""
    channels = neighbour_indices(len(stack.image), stack.spacing_sra_mm[0], index, offsets_mm)
    return np.stack([stack.image[i] for i in channels], axis=-1).astype(np.float32)


def labelled_metas(slices_dir: Path | str, series_names: Sequence[str]) -> list[SeriesMeta]:
    """Return what is known of those series that have labelled slices.

    Raises:
        DatasetError: A series is missing or damaged, or none has labelled slices.
    """
    metas = [read_meta(slices_dir, name) for name in series_names]
    labelled = [meta for meta in metas if meta.foreground_slices]
    if not labelled:
        raise DatasetError(
            f"{slices_dir}: none of the {len(metas)} chosen series has labelled slices; training needs "
            "masks. Look at manifest.csv there."
        )
    return labelled


def draw_slice(
    rng: np.random.Generator,
    slice_classes: Sequence[Sequence[str]],
    empty_fraction: float,
    beside_bodies_fraction: float = 0.0,
) -> int:
    """Return a slice that shows a labelled structure, or (probability ``empty_fraction``) one without.

    With probability ``beside_bodies_fraction`` it shows vertebrae alone. Where a series has no slice of the
    kind, one that shows any labelled structure is taken.
    """
    bone_alone = (CLASS_NAMES[VERTEBRA],)
    shown = [index for index, names in enumerate(slice_classes) if names]
    pool, kind = shown, rng.random()
    if kind < empty_fraction:
        pool = [index for index, names in enumerate(slice_classes) if not names]
    elif kind < empty_fraction + beside_bodies_fraction:
        pool = [index for index in shown if tuple(slice_classes[index]) == bone_alone]
    return int(rng.choice(pool or shown))


def centre_offsets(
    patch: Patch, labels: Sequence[int], spacing_rc_mm: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the way from each vertebra pixel to the centre of its vertebra, and where that is known.

    Args:
        patch: Class and instance maps (H, W), or (H, W, S), and the centres (N, 2) in patch pixels.
        labels: The N labels the centres belong to.
        spacing_rc_mm: Row and column size of a patch pixel.

    Returns:
        float32 (2, H, W[, S]) in units of ``OFFSET_UNIT_MM``, 0 where unknown, and bool (H, W[, S]).
    """
    has_centre = np.zeros(256, dtype=bool)
    centre_of = np.zeros((2, 256), dtype=np.float32)
    has_centre[list(labels)] = True
    centre_of[:, list(labels)] = patch.centres_rc.T
    known = has_centre[patch.instances] & (patch.classes == VERTEBRA)
    rows, columns = np.ogrid[tuple(slice(side) for side in known.shape)][:2]
    scale = np.asarray(spacing_rc_mm, dtype=np.float32) / OFFSET_UNIT_MM
    offsets = np.stack(
        [(centre_of[axis][patch.instances] - here) * scale[axis] for axis, here in enumerate((rows, columns))]
    )
    return (offsets * known).astype(np.float32), known


def start_loader_worker(_worker: int) -> None:
    """Keep a DataLoader worker to one core, and deaf to signals that the training answers itself.

    Ctrl-C and many schedulers signal every process of a job. To be given as ``worker_init_fn``: torch sets
    its own SIGTERM handler before it, and on Windows a new process does not inherit what is ignored.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    cv2.setNumThreads(1)
