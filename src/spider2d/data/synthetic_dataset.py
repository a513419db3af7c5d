"""Training samples of phantoms that are made on the fly: nothing is stored, a series serves a few samples.

Sample numbers have the same meaning as everywhere: with the same settings, sample k of a seed is always the
same patch.
"""

import numpy as np
import torch
from torch.utils.data import Dataset

from spider2d.data.augment import build_augmentation
from spider2d.data.data_config import AugmentConfig, DataConfig
from spider2d.data.label_maps import map_labels
from spider2d.data.phantom.random_series import make_random_series
from spider2d.data.phantom.series import PhantomSeries
from spider2d.data.plane import resample_plane_labels, resampled_spacing
from spider2d.data.prepare import prepare_stack
from spider2d.data.slice_dataset import LabelledStack, make_sample
from spider2d.labels import STRUCTURES

FIRST_PATIENT_SEED = 10**12
"""Beyond the patients of ``make_phantom.py`` (seed * 100,000 + number): none of those is trained on."""
SERIES_PER_SEED = 10**8


class SyntheticSamples(Dataset):
    """Augmented patches of random phantom series by sample number.

    The samples are dealt to ``streams`` like cards; a loader worker whose batches all belong to one stream
    makes each series once. Each stream draws from a pool of series of which the oldest is replaced every
    ``samples_per_series`` samples.

    Args:
        config: Patch size, channels, share of empty slices, and ``config.synthetic``.
        augment: How samples are changed; None cuts patches only.
        pixel_size_mm: Pixel size of the samples.
        batch_size: Samples of a batch: they belong to one stream.
        seed: Another seed gives other samples.
    """

    def __init__(
        self,
        config: DataConfig,
        augment: AugmentConfig | None,
        pixel_size_mm: float,
        batch_size: int,
        seed: int,
    ):
        self._config = config
        self._augment = augment
        self._pixel_size_mm = pixel_size_mm
        self._batch_size = batch_size
        self._seed = seed
        self._augmentation = build_augmentation(augment, config.patch_hw, config.foreground_crop)
        self._pool: dict[tuple[int, int], LabelledStack] = {}

    def __getitem__(self, sample_number: int) -> dict[str, torch.Tensor]:
        """Return one sample; see `slice_dataset.make_sample`."""
        rng = np.random.default_rng([self._seed, sample_number])
        batch, place = divmod(sample_number, self._batch_size)
        round_number, stream = divmod(batch, self._config.synthetic.streams)
        position = round_number * self._batch_size + place
        stack = self._draw_series(rng, position, stream)
        return make_sample(stack, rng, self._config, self._augment, self._augmentation)

    def _draw_series(self, rng: np.random.Generator, position: int, stream: int) -> LabelledStack:
        """Return a series of the pool of a stream at one of its samples; it is made unless it is there."""
        settings = self._config.synthetic
        oldest = position // settings.samples_per_series
        key = stream, int(oldest + rng.integers(settings.pool))
        if key not in self._pool:
            for gone in [k for k in self._pool if k[0] == stream and k[1] < oldest]:
                del self._pool[gone]
            number = key[1] * settings.streams + stream
            series_seed = FIRST_PATIENT_SEED + self._seed * SERIES_PER_SEED + number
            series = make_random_series(series_seed, self._pixel_size_mm)
            self._pool[key] = stack_phantom(series, self._pixel_size_mm)
        return self._pool[key]


def stack_phantom(series: PhantomSeries, pixel_size_mm: float) -> LabelledStack:
    """Return a phantom series as the network sees it, prepared as a file on disk would be."""
    spacing_rc_mm = series.spacing_sra_mm[1:]
    image, _ = prepare_stack(series.image_sra, series.spacing_sra_mm, pixel_size_mm, dtype=np.float16)
    maps = map_labels(resample_plane_labels(series.labels_sra, spacing_rc_mm, pixel_size_mm), STRUCTURES)
    stored_rc_mm = resampled_spacing(series.image_sra.shape[1:], spacing_rc_mm, image.shape[1:])
    return LabelledStack(
        image=image,
        classes=maps.classes,
        instances=maps.instances,
        spacing_sra_mm=(series.spacing_sra_mm[0], *stored_rc_mm),
        centres=maps.centres,
        slice_classes=maps.slice_classes,
        labelled=(True, True, True, True),
    )
