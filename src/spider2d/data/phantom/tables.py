"""The rows of ``overview.csv`` and ``radiological_gradings.csv`` that belong to a phantom patient."""

import csv
from pathlib import Path

import numpy as np

from spider2d.atomic_write import replacing
from spider2d.data.phantom.anatomy import Anatomy
from spider2d.data.phantom.protocols import Protocol
from spider2d.labels import DISC_OFFSET, MAX_VERTEBRA_LABEL

# fmt: off
OVERVIEW_COLUMNS = [
    "new_file_name", "num_vertebrae", "num_discs", "sex", "birth_date", "subset", "AngioFlag",
    "BodyPartExamined", "DeviceSerialNumber", "EchoNumbers", "EchoTime", "EchoTrainLength", "FlipAngle",
    "ImagedNucleus", "ImagingFrequency", "InPlanePhaseEncodingDirection", "MRAcquisitionType",
    "MagneticFieldStrength", "Manufacturer", "ManufacturerModelName", "NumberOfPhaseEncodingSteps",
    "PercentPhaseFieldOfView", "PercentSampling", "PhotometricInterpretation", "PixelBandwidth",
    "PixelSpacing", "RepetitionTime", "SAR", "SamplesPerPixel", "ScanningSequence", "SequenceName",
    "SeriesDescription", "SliceThickness", "SoftwareVersions", "SpacingBetweenSlices",
    "SpecificCharacterSet", "TransmitCoilName", "WindowCenter", "WindowWidth",
]
GRADING_COLUMNS = [
    "Patient", "IVD label", "Modic", "UP endplate", "LOW endplate", "Spondylolisthesis", "Disc herniation",
    "Disc narrowing", "Disc bulging", "Pfirrman grade",
]
# fmt: on
_MAKER = {"Ingenia": ("Philips Healthcare", "3.0")}
_TIMES = {"t1": ("11.0", "550.0"), "t2": ("110.0", "3600.0"), "t2_SPACE": ("124.0", "1000.0")}


def overview_row(
    name: str, sequence: str, protocol: Protocol, anatomy: Anatomy, labels: np.ndarray, subset: str
) -> dict[str, str]:
    """Return one row of ``overview.csv``; cells that do not apply stay empty, as in the published table.

    Args:
        name: Name of the series.
        sequence: "t1", "t2" or "t2_SPACE".
        protocol: How it was acquired.
        anatomy: The patient.
        labels: The label values that occur in the mask.
        subset: "training" or "validation".
    """
    vertebrae = ((labels > 0) & (labels <= MAX_VERTEBRA_LABEL)).sum()
    maker, tesla = _MAKER.get(protocol.scanner, ("SIEMENS", "1.5"))
    pixel = protocol.spacing_sra_mm[1]
    echo, repetition = _TIMES[sequence]
    thin = sequence == "t2_SPACE"
    cells = {
        "new_file_name": name,
        "num_vertebrae": str(vertebrae),
        "num_discs": str((labels > DISC_OFFSET).sum()),
        # Published values carry a trailing blank for some patients.
        "sex": anatomy.sex + (" " if anatomy.seed % 2 else ""),
        "birth_date": "" if anatomy.seed % 3 else "55.0",
        "subset": subset,
        "EchoNumbers": "1",
        "EchoTime": echo,
        "ImagedNucleus": "1H",
        "MRAcquisitionType": "3D" if thin else "2D",
        "MagneticFieldStrength": tesla,
        "Manufacturer": maker,
        "ManufacturerModelName": protocol.scanner,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelSpacing": f"[{pixel}, {pixel}]",
        "RepetitionTime": repetition,
        "SamplesPerPixel": "1",
        "ScanningSequence": "SE",
        "SeriesDescription": f"phantom {sequence}",
        "SliceThickness": f"{protocol.spacing_sra_mm[0] if thin else protocol.spacing_sra_mm[0] / 1.1:.2f}",
        "SpacingBetweenSlices": str(protocol.spacing_sra_mm[0]),
    }
    return {column: cells.get(column, "") for column in OVERVIEW_COLUMNS}


def grading_rows(patient: str, anatomy: Anatomy, n_discs: int) -> list[dict[str, str]]:
    """Return the gradings of the lowest ``n_discs`` discs, true to the anatomy's diseases."""
    disease, rows = anatomy.disease, []
    for k in range(n_discs):
        above = any(not upper for upper, *_ in disease.pits[k])
        below = k > 0 and any(upper for upper, *_ in disease.pits[k - 1])
        values = (
            patient,
            k + 1,
            disease.modic[k],
            int(above),
            int(below),
            int(abs(disease.slip_mm[k]) > 2),
            int(disease.herniation_mm[k] > 0),
            int(disease.narrowing[k] < 0.9),
            int(disease.bulge_mm[k] > 1),
            disease.pfirrmann[k],
        )
        rows.append(dict(zip(GRADING_COLUMNS, map(str, values), strict=True)))
    return rows


def write_table(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    """Write a table as published: comma-separated with CRLF line ends; complete or not at all."""
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
