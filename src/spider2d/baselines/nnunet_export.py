"""A data set in SPIDER's form as a raw data set of nnU-Net: four classes, one grid order, our split.

nnU-Net takes array axes as they are stored, so T1 and T2 (slice axis last) and SPACE (slice axis first) would
be mixed up. The exported volumes are therefore the canonical ones, (slice L-R, row S-I, column A-P), by axis
permutation and flips only; the way back is exact.
"""

import os
from pathlib import Path

import numpy as np
from tqdm import tqdm

from spider2d.baselines.nnunet_folder import CONFIGURATIONS, FILE_SUFFIX, ExportedSeries, WorkFolder
from spider2d.baselines.nnunet_run import checkpoints
from spider2d.data.geometry import Geometry
from spider2d.data.spider_files import Series, read_dataset
from spider2d.data.splits import TRAINING, VALIDATION, split_series
from spider2d.data.volume import Volume, grid_differences, read_mask, read_volume, to_canonical, write_volume
from spider2d.errors import ConfigError, DatasetError, VolumeError
from spider2d.labels import CLASS_NAMES, IGNORE_CLASS, N_CLASSES, classes_of_labels

# Columns run A -> P (+y), rows S -> I (-z), slices L -> R (-x); x, y, z of the file in that order.
_CANONICAL_DIRECTION = (0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
IGNORE_LABEL = N_CLASSES
"""nnU-Net wants the highest label for voxels that are left out."""


def export_dataset(dataset_root: Path, folder: WorkFolder, overwrite: bool = False) -> list[ExportedSeries]:
    """Write the raw data set and the split.

    Args:
        dataset_root: Data set in SPIDER's form; series without a mask are left out.
        folder: Where to write. An earlier export and all that was made of it are removed first.
        overwrite: Whether trained networks may be among it.

    Returns:
        The exported series.

    Raises:
        ConfigError: A trained network is there and `overwrite` is not set.
        DatasetError: No series with a mask on one of the two sides of the split.
        VolumeError: A file cannot be read, or a mask does not lie on its image's grid.
    """
    dataset = read_dataset(dataset_root)
    subset_of = split_series(dataset)
    chosen = [series for series in dataset.series if series.mask_path is not None]
    for subset in (TRAINING, VALIDATION):
        if not any(subset_of[series.name] == subset for series in chosen):
            raise DatasetError(f"{dataset_root}: no series with a mask in the subset {subset}")
    trained = [path for configuration in CONFIGURATIONS for path in checkpoints(folder, configuration)]
    if trained and not overwrite:
        raise ConfigError(
            f"{trained[-1]}: a network is there, and a new export removes it, for it may know the validation "
            "patients of the new split. Add --overwrite to remove it, or --work FOLDER for another folder"
        )
    folder.clear()
    ignored = [export_series(series, folder.raw) for series in tqdm(chosen, desc="exporting")]
    exported = [
        ExportedSeries(series.name, str(series.image_path.absolute()), subset_of[series.name])
        for series in chosen
    ]
    for series in exported:
        if series.subset == VALIDATION:
            _link(image_path(folder.raw / "imagesTr", series.name), folder.raw / "imagesTs")
    _write_descriptions(folder, exported, any(ignored))
    folder.write_export(dataset_root, exported)
    return exported


def export_series(series: Series, raw: Path) -> bool:
    """Write one image and its class map; return whether voxels of it are to be ignored."""
    image, mask = read_volume(series.image_path), read_mask(series.mask_path)
    differences = grid_differences(image.geometry, mask.geometry)
    if differences:
        raise VolumeError(f"{series.mask_path}: not on the grid of its image ({'; '.join(differences)})")
    write_volume(image_path(raw / "imagesTr", series.name), canonical_volume(image))
    canonical = canonical_volume(mask)
    classes = classes_of_labels(canonical.array_zyx)
    ignored = classes == IGNORE_CLASS
    classes = np.where(ignored, np.uint8(IGNORE_LABEL), classes)
    write_volume(raw / "labelsTr" / f"{series.name}{FILE_SUFFIX}", Volume(classes, canonical.geometry))
    return bool(ignored.any())


def image_path(folder: Path, name: str) -> Path:
    """Return where nnU-Net looks for the only channel of an image."""
    return folder / f"{name}_0000{FILE_SUFFIX}"


def canonical_volume(volume: Volume) -> Volume:
    """Return a volume stored in canonical axis order, on an upright grid that starts at the origin."""
    array_sra, _ = to_canonical(volume)
    return Volume(np.ascontiguousarray(array_sra), canonical_geometry(volume.geometry))


def canonical_geometry(geometry: Geometry) -> Geometry:
    """Return the grid that `canonical_volume` gives a volume of some grid."""
    return Geometry(
        size_xyz=geometry.shape_sra[::-1],
        spacing_xyz_mm=geometry.spacing_sra_mm[::-1],
        origin_xyz_mm=(0.0, 0.0, 0.0),
        direction=_CANONICAL_DIRECTION,
    )


def _link(source: Path, folder: Path) -> None:
    """Give a file a second name in another folder (a hard link: no copy, and no rights needed)."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / source.name
    target.unlink(missing_ok=True)
    os.link(source, target)


def _write_descriptions(folder: WorkFolder, exported: list[ExportedSeries], with_ignored: bool) -> None:
    labels = {name: value for value, name in enumerate(CLASS_NAMES)}
    description = {
        "channel_names": {"0": "MRI"},
        "labels": labels | ({"ignore": IGNORE_LABEL} if with_ignored else {}),
        "numTraining": len(exported),
        "file_ending": FILE_SUFFIX,
        "overwrite_image_reader_writer": "SimpleITKIO",
    }
    names = {
        subset: [series.name for series in exported if series.subset == subset]
        for subset in (TRAINING, VALIDATION)
    }
    folder.write_json(f"nnUNet_raw/{folder.raw.name}/dataset.json", description)
    folder.write_json(
        f"nnUNet_preprocessed/{folder.preprocessed.name}/splits_final.json",
        [{"train": names[TRAINING], "val": names[VALIDATION]}],
    )
