"""Tissue numbers, and per sequence their brightness and texture."""

import numpy as np

from spider2d.data.spider_tables import SEQUENCES

# fmt: off
_TABLE = {
    # tissue: (T1, T2, T2 SPACE, grain, fibre, fat); brightness in the order of SEQUENCES, subcutaneous fat on
    # T1 = 1; grain, fibre: texture relative to the brightness; fat: share of signal that chemical shift moves
    "outside": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "air": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "skin": (0.40, 0.30, 0.20, 0.1, 0.0, 0.0),
    "subcutaneous_fat": (1.0, 0.95, 0.72, 0.04, 0.03, 1.0),
    "septum": (0.72, 0.66, 0.50, 0.1, 0.1, 0.7),
    "deep_fat": (0.86, 0.80, 0.60, 0.10, 0.05, 0.9),
    "muscle": (0.33, 0.21, 0.16, 0.08, 0.28, 0.0),
    "muscle_fat": (0.50, 0.38, 0.29, 0.10, 0.25, 0.5),
    "ligament": (0.15, 0.10, 0.07, 0.2, 0.1, 0.0),
    "interspinous": (0.42, 0.30, 0.21, 0.15, 0.40, 0.3),
    "bowel_wall": (0.34, 0.24, 0.18, 0.1, 0.0, 0.0),
    "bowel": (0.36, 0.42, 0.28, 0.30, 0.1, 0.0),
    "organ": (0.42, 0.30, 0.22, 0.08, 0.0, 0.0),
    "vessel": (0.09, 0.05, 0.04, 0.5, 0.0, 0.0),
    "slow_vessel": (0.24, 0.30, 0.12, 0.3, 0.2, 0.0),
    "gas": (0.05, 0.04, 0.03, 0.3, 0.0, 0.0),
    "bladder": (0.16, 1.15, 1.05, 0.03, 0.0, 0.0),
    "nerve": (0.33, 0.28, 0.26, 0.1, 0.0, 0.0),
    "cortex": (0.07, 0.05, 0.04, 0.1, 0.0, 0.0),
    "marrow": (0.68, 0.53, 0.36, 0.09, 0.02, 0.5),
    "fatty_marrow": (0.92, 0.76, 0.52, 0.10, 0.0, 0.9),
    "oedema": (0.32, 0.68, 0.48, 0.10, 0.0, 0.2),
    "sclerosis": (0.22, 0.14, 0.10, 0.15, 0.0, 0.0),
    "vein": (0.42, 0.72, 0.48, 0.1, 0.0, 0.0),
    "annulus": (0.26, 0.09, 0.06, 0.12, 0.05, 0.0),
    "nucleus_1": (0.34, 0.88, 0.72, 0.06, 0.0, 0.0),
    "nucleus_2": (0.34, 0.66, 0.54, 0.10, 0.0, 0.0),
    "nucleus_3": (0.33, 0.36, 0.29, 0.15, 0.0, 0.0),
    "nucleus_4": (0.31, 0.20, 0.15, 0.20, 0.0, 0.0),
    "nucleus_5": (0.28, 0.12, 0.09, 0.25, 0.0, 0.0),
    "csf": (0.16, 1.08, 1.10, 0.03, 0.0, 0.0),
    "cord": (0.36, 0.42, 0.40, 0.05, 0.0, 0.0),
    "root": (0.25, 0.62, 0.62, 0.10, 0.0, 0.0),
    "epidural_fat": (0.95, 0.84, 0.64, 0.05, 0.0, 0.9),
    "joint": (0.25, 0.40, 0.34, 0.2, 0.0, 0.0),
}
# fmt: on
_TABLE["process_marrow"] = _TABLE["marrow"]  # that of the processes beside the bodies, in wild patients
TISSUES = tuple(_TABLE)
TISSUE = {name: number for number, name in enumerate(TISSUES)}


def brightness_table(sequence: str, rng: np.random.Generator, spread: float = 0.06) -> np.ndarray:
    """Return the mean brightness of every tissue (float32, indexed by tissue number).

    Args:
        sequence: "t1", "t2" or "t2_SPACE".
        rng: Source of the variation between scans.
        spread: Relative standard deviation of each tissue's brightness.
    """
    mean = np.array([values[SEQUENCES.index(sequence)] for values in _TABLE.values()])
    mean[:-1] *= rng.lognormal(0, spread, len(mean) - 1)  # the last one, marrow of processes, is as marrow
    # Marrow turns fatty with age, so it varies more than other tissues, and alike wherever it is.
    mean[TISSUE["marrow"]] *= rng.uniform(0.72, 1.28)
    mean[TISSUE["process_marrow"]] = mean[TISSUE["marrow"]]
    return mean.astype(np.float32)


def random_brightness_table(rng: np.random.Generator) -> np.ndarray:
    """Return brightnesses drawn at random, for training that must not rely on any one contrast.

    As in SynthSeg (Billot et al., Medical Image Analysis 86:102789, 2023): every tissue uniform in [0, 1],
    except that air stays dark.
    """
    table = rng.uniform(0.02, 1.0, len(TISSUES))
    table[[TISSUE["outside"], TISSUE["air"]]] = 0
    return table.astype(np.float32)


GRAIN, FIBRE, FAT_SHARE = np.array([values[3:] for values in _TABLE.values()], np.float32).T
