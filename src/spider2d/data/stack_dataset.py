"""Training samples of the 3D networks: sample number k of a seed is always the same patch, as in 2D."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from spider2d.data.augment import build_augmentation
from spider2d.data.data_config import AugmentConfig, VolumeDataConfig
from spider2d.data.slice_axis import nearest_slices, resample_slices, resampled_count
from spider2d.data.slice_dataset import centre_offsets, labelled_metas
from spider2d.data.slices import SeriesMeta, open_arrays
from spider2d.data.warp import clamp_centre

_SLICE_JITTER = 0.3


class VolumeSamples(Dataset):
    """Augmented 3D patches by sample number.

    A sample takes a series (all equally likely), a range of slices, and a patch of them. The augmentation is
    that of the 2D samples, with the slices of the patch as channels: all are deformed alike and change their
    contrast alike. Left and right are swapped now and then. Series without a mask are left out.

    Args:
        slices_dir: Folder that the extraction wrote.
        series_names: The series to draw from.
        config: Grid and size of the patches.
        augment: How samples are changed; None cuts patches only.
        seed: Another seed gives other samples.

    Raises:
        DatasetError: A series is missing or damaged, or none has a mask.
    """

    def __init__(
        self,
        slices_dir: Path | str,
        series_names: Sequence[str],
        config: VolumeDataConfig,
        augment: AugmentConfig | None,
        seed: int,
    ):
        self._metas = labelled_metas(slices_dir, series_names)
        self._slices_dir = Path(slices_dir)
        self._config = config
        self._augment = augment
        self._seed = seed
        self._augmentation = build_augmentation(augment, config.patch_shw[1:], config.foreground_crop)

    def __getitem__(self, sample_number: int) -> dict[str, torch.Tensor]:
        """Return one sample.

        Returns:
            As `SliceSamples` with an axis more: ``image`` float32 (1, S, H, W), ``classes`` int64 (S, H, W),
            ``offsets`` float32 (2, S, H, W), still row and column only, ``offset_mask`` bool (S, H, W),
            ``labelled`` bool (4,).
        """
        rng = np.random.default_rng([self._seed, sample_number])
        meta = self._metas[rng.integers(len(self._metas))]
        first = draw_first_slice(rng, meta, self._config)
        step = -1 if self._augment is not None and rng.random() < self._augment.reverse_channels else 1
        stacks = [stack[..., ::step] for stack in self._read(meta, first)]
        centres_rc = np.array([centre[1:] for centre in meta.centres.values()]).reshape(-1, 2)
        patch = self._augmentation(
            *map(np.ascontiguousarray, stacks), centres_rc, seed=int(rng.integers(2**32))
        )
        offsets, offset_mask = centre_offsets(patch, list(meta.centres), meta.spacing_sra_mm[1:])
        return {
            "image": _slices_first(patch.image_hwc)[None],
            "classes": _slices_first(patch.classes.astype(np.int64)),
            "offsets": _slices_first(offsets),
            "offset_mask": _slices_first(offset_mask),
            "labelled": torch.tensor(meta.labelled),
        }

    def _read(self, meta: SeriesMeta, first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return image, classes and instances (H, W, S) of the S slices from ``first`` on, whole planes."""
        image, classes, instances = open_arrays(self._slices_dir, meta.name)
        n_patch, n_old = self._config.patch_shw[0], len(image)
        n_new = resampled_count(n_old, meta.spacing_sra_mm[0], self._config.slice_spacing_mm)
        inside = range(max(first, 0), min(first + n_patch, n_new))
        nearest = nearest_slices(n_old, n_new, inside)
        margins = (inside.start - first, first + n_patch - inside.stop)
        stacks = (resample_slices(image, n_new, inside), classes[nearest], instances[nearest])
        return tuple(
            np.pad(stack, (margins, (0, 0), (0, 0))).transpose(1, 2, 0) for stack in stacks
        )  # beyond the volume: floor value, and background


def draw_first_slice(rng: np.random.Generator, meta: SeriesMeta, config: VolumeDataConfig) -> int:
    """Return the patch's first slice on the resampled grid; below 0 where the volume has fewer slices.

    With probability ``config.foreground_crop`` the patch's middle lies within 0.3 of its depth of a slice
    with a labelled structure; else it lies anywhere inside the volume.
    """
    n_old, depth = len(meta.slice_classes), config.patch_shw[0]
    n_new = resampled_count(n_old, meta.spacing_sra_mm[0], config.slice_spacing_mm)
    centre = rng.uniform(0, 1) * (n_new - 1)
    if rng.random() < config.foreground_crop:
        chosen = meta.foreground_slices[rng.integers(len(meta.foreground_slices))]
        centre = (chosen + 0.5) * n_new / n_old - 0.5 + _SLICE_JITTER * depth * rng.uniform(-1, 1)
    middle = clamp_centre(*(np.array([value], dtype=float) for value in (centre, n_new, depth)))
    return round(float(middle[0]) - (depth - 1) / 2)


def _slices_first(array: np.ndarray) -> torch.Tensor:
    """Return an array (..., H, W, S) as a tensor (..., S, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, -3)))
