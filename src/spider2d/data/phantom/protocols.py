"""How phantom series are acquired: matrix, spacing and scanner, drawn like those of the real data set."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Protocol:
    """One way to acquire a series.

    Attributes:
        shape_sra: Slices, rows, columns.
        spacing_sra_mm: Distance between slices, rows, columns.
        scanner: Key of the rows ``tables`` fills in.
        weight: How often it is drawn.
    """

    shape_sra: tuple[int, int, int]
    spacing_sra_mm: tuple[float, float, float]
    scanner: str
    weight: float


# Counts in the published overview.csv are the weights; the small ones cover the same extent with less pixels.
CLINICAL = (
    Protocol((17, 480, 448), (3.3, 0.625, 0.625), "Ingenia", 177),
    Protocol((15, 512, 512), (4.4, 0.5859375, 0.5859375), "Avanto_fit", 55),
    Protocol((17, 448, 384), (4.4, 0.72916668653488, 0.72916668653488), "Aera", 51),
    Protocol((15, 640, 640), (4.4, 0.47826087474823, 0.47826087474823), "Avanto_fit", 29),
    Protocol((17, 448, 448), (4.4, 0.67708331346512, 0.67708331346512), "SymphonyTim", 24),
    Protocol((15, 384, 384), (4.4, 0.875, 0.875), "Aera", 16),
)
SMALL = (
    Protocol((17, 352, 336), (3.3, 0.8125, 0.8125), "Ingenia", 4),
    Protocol((15, 384, 336), (4.4, 0.75, 0.75), "Avanto_fit", 3),
    Protocol((15, 320, 320), (4.4, 0.875, 0.875), "Aera", 2),
    Protocol((17, 336, 304), (4.0, 0.9375, 0.9375), "SymphonyTim", 2),
)
SPACE_CLINICAL = (Protocol((120, 640, 512), (0.9, 0.46875, 0.46875), "Avanto_fit", 1),)
SPACE_SMALL = (Protocol((88, 368, 304), (0.9, 0.8, 0.8), "Avanto_fit", 1),)
TINY = (Protocol((11, 164, 136), (4.4, 1.8, 1.8), "Aera", 1),)
SPACE_TINY = (Protocol((32, 164, 136), (1.6, 1.8, 1.8), "Avanto_fit", 1),)
PROTOCOLS = {
    "clinical": {"t1": CLINICAL, "t2": CLINICAL, "t2_SPACE": SPACE_CLINICAL},
    "small": {"t1": SMALL, "t2": SMALL, "t2_SPACE": SPACE_SMALL},
    "tiny": {
        "t1": TINY,
        "t2": TINY,
        "t2_SPACE": SPACE_TINY,
    },  # for tests of programs, too coarse to learn from
}


def draw_protocol(rng: np.random.Generator, sequence: str, size: str) -> Protocol:
    """Return a protocol for a sequence; ``size`` is a key of ``PROTOCOLS``."""
    choices = PROTOCOLS[size][sequence]
    weights = np.array([protocol.weight for protocol in choices], float)
    return choices[int(rng.choice(len(choices), p=weights / weights.sum()))]
