"""Tissue numbers and their brightness per sequence (subcutaneous fat of T1 = 1)."""

import numpy as np

TISSUES = (
    "outside",
    "air",
    "skin",
    "subcutaneous_fat",
    "deep_fat",
    "muscle",
    "ligament",
    "bowel",
    "organ",
    "vessel",
    "gas",
    "septum",
    "cortex",
    "marrow",
    "vein",
    "annulus",
    "nucleus_1",
    "nucleus_2",
    "nucleus_3",
    "nucleus_4",
    "nucleus_5",
    "csf",
    "cord",
    "root",
    "epidural_fat",
    "joint",
    "bladder",
)
TISSUE = {name: number for number, name in enumerate(TISSUES)}

# fmt: off
_BRIGHTNESS = {  # tissue: (T1, T2, T2 SPACE)
    "outside": (0.0, 0.0, 0.0), "air": (0.0, 0.0, 0.0), "skin": (0.35, 0.22, 0.15),
    "subcutaneous_fat": (1.0, 0.92, 0.70), "deep_fat": (0.88, 0.80, 0.60), "muscle": (0.34, 0.17, 0.14),
    "ligament": (0.14, 0.10, 0.07), "bowel": (0.36, 0.35, 0.25), "organ": (0.42, 0.30, 0.22),
    "vessel": (0.10, 0.05, 0.04), "gas": (0.03, 0.03, 0.02), "septum": (0.45, 0.40, 0.30),
    "cortex": (0.07, 0.05, 0.04), "marrow": (0.60, 0.46, 0.30), "vein": (0.30, 0.75, 0.45),
    "annulus": (0.26, 0.09, 0.07),
    "nucleus_1": (0.36, 0.85, 0.72), "nucleus_2": (0.36, 0.62, 0.52), "nucleus_3": (0.35, 0.34, 0.28),
    "nucleus_4": (0.33, 0.18, 0.14), "nucleus_5": (0.29, 0.12, 0.09),
    "csf": (0.17, 1.08, 1.10), "cord": (0.38, 0.42, 0.40), "root": (0.30, 0.45, 0.45),
    "epidural_fat": (0.95, 0.82, 0.62), "joint": (0.22, 0.30, 0.25), "bladder": (0.16, 1.15, 1.05),
}
# fmt: on
SEQUENCES = ("t1", "t2", "t2_SPACE")


def brightness_table(sequence: str, rng: np.random.Generator, spread: float = 0.06) -> np.ndarray:
    """Return the mean brightness of every tissue (float32, indexed by tissue number).

    Args:
        sequence: "t1", "t2" or "t2_SPACE".
        rng: Source of the variation between scans.
        spread: Relative standard deviation of that variation.
    """
    column = SEQUENCES.index(sequence)
    table = np.array([_BRIGHTNESS[name][column] for name in TISSUES])
    return (table * rng.lognormal(0, spread, len(table))).astype(np.float32)
