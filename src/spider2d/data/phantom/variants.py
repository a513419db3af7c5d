"""Diseases and anatomical variants by name, and their random mixture."""

from dataclasses import dataclass

import numpy as np

VARIANTS = (
    "healthy",
    "narrowed_disc",
    "bulging_disc",
    "slipped_vertebra",
    "endplate_defects",
    "bridging_osteophytes",
    "wedged_vertebra",
    "six_lumbar",
    "cut_top",
)


@dataclass
class Disease:
    """What is unusual, per disc or vertebra index from the bottom (0 = lowest).

    Attributes:
        n_lumbar: Number of lumbar vertebrae (5 or 6).
        cut_top: Whether the field of view cuts the topmost vertebra.
        narrowing: Factor of the disc height (1 = healthy).
        bulge_mm: How far the disc bulges over the bodies all around.
        herniation_mm: How far it protrudes into the canal.
        slip_mm: How far the vertebra above the disc has slipped forward (negative: backward).
        pfirrmann: Degeneration grade of the disc (1-5).
        bridging: 0 = none, -1 or 1 = bridging osteophytes in front, left or right of the middle.
        modic: Modic type of the marrow beside the disc (0-3).
        pits: Endplate defects of the vertebra, as in ``shapes.Body``.
        wedged: Loss of height of the vertebra's front (0 = none).
    """

    n_lumbar: int
    cut_top: bool
    narrowing: list[float]
    bulge_mm: list[float]
    herniation_mm: list[float]
    slip_mm: list[float]
    pfirrmann: list[int]
    bridging: list[int]
    modic: list[int]
    pits: list[tuple]
    wedged: list[float]


def sample_disease(rng: np.random.Generator, variant: str | None, n_levels: int) -> Disease:
    """Return the diseases of one patient.

    Args:
        rng: Source of randomness.
        variant: A name in ``VARIANTS`` for that disease alone, or None for a random mixture.
        n_levels: Number of vertebrae above the sacrum.

    Raises:
        ValueError: If the variant is unknown.
    """
    if variant is not None and variant not in VARIANTS:
        raise ValueError(f"unknown phantom variant {variant!r}; known: {', '.join(VARIANTS)}")
    age = rng.uniform(0, 1) if variant is None else 0.3
    disease = _healthy(rng, age, n_levels)
    for name, probability in _PROBABILITY.items():
        if variant == name or (variant is None and rng.random() < probability * (0.4 + 1.2 * age)):
            _APPLY[name](rng, disease, age)
    return disease


def _healthy(rng: np.random.Generator, age: float, n: int) -> Disease:
    """Return a spine without disease whose discs have aged."""
    grades = np.clip(np.round(rng.normal(1.5 + 2.2 * age, 0.7, n)), 1, 5).astype(int)
    return Disease(
        n_lumbar=5,
        cut_top=False,
        narrowing=[1.0] * n,
        bulge_mm=[0.0] * n,
        herniation_mm=[0.0] * n,
        slip_mm=[0.0] * n,
        pfirrmann=[int(grade) for grade in grades],
        bridging=[0] * n,
        modic=[0] * n,
        pits=[()] * n,
        wedged=[0.0] * n,
    )


def _narrowed_disc(rng: np.random.Generator, disease: Disease, age: float) -> None:
    for level in rng.choice(4, size=rng.integers(1, 3), replace=False):
        disease.narrowing[level] = rng.uniform(0.45, 0.75)
        disease.modic[level] = int(rng.choice([0, 0, 1, 2, 2, 3]))
        disease.pfirrmann[level] = int(rng.choice([4, 5]))


def _bulging_disc(rng: np.random.Generator, disease: Disease, age: float) -> None:
    for level in rng.choice(4, size=rng.integers(1, 4), replace=False):
        disease.bulge_mm[level] = rng.uniform(1.2, 3.0)
        disease.pfirrmann[level] = max(3, disease.pfirrmann[level])
        if rng.random() < 0.4:
            disease.herniation_mm[level] = rng.uniform(2.5, 5.0)


def _slipped_vertebra(rng: np.random.Generator, disease: Disease, age: float) -> None:
    level = int(rng.choice([0, 1, 1, 2]))
    disease.slip_mm[level] = rng.uniform(4, 9) if rng.random() < 0.8 else -rng.uniform(3, 5)
    disease.narrowing[level] = min(disease.narrowing[level], rng.uniform(0.55, 0.85))
    disease.pfirrmann[level] = max(4, disease.pfirrmann[level])


def _endplate_defects(rng: np.random.Generator, disease: Disease, age: float) -> None:
    for level in rng.choice(7, size=rng.integers(2, 5), replace=False):
        disease.pits[level] = tuple(
            (upper, rng.uniform(-8, 8), rng.uniform(-6, 6), rng.uniform(4, 7), rng.uniform(2.5, 5.5))
            for upper in (True, False)
            if rng.random() < 0.75
        )


def _bridging_osteophytes(rng: np.random.Generator, disease: Disease, age: float) -> None:
    for level in rng.choice(np.arange(1, 6), size=rng.integers(1, 3), replace=False):
        disease.bridging[level] = int(rng.choice([-1, 1]))
        disease.narrowing[level] = min(disease.narrowing[level], rng.uniform(0.5, 0.9))


def _wedged_vertebra(rng: np.random.Generator, disease: Disease, age: float) -> None:
    disease.wedged[int(rng.integers(2, 8))] = rng.uniform(0.25, 0.6)


def _six_lumbar(rng: np.random.Generator, disease: Disease, age: float) -> None:
    disease.n_lumbar = 6


def _cut_top(rng: np.random.Generator, disease: Disease, age: float) -> None:
    disease.cut_top = True


_APPLY = {
    "narrowed_disc": _narrowed_disc,
    "bulging_disc": _bulging_disc,
    "slipped_vertebra": _slipped_vertebra,
    "endplate_defects": _endplate_defects,
    "bridging_osteophytes": _bridging_osteophytes,
    "wedged_vertebra": _wedged_vertebra,
    "six_lumbar": _six_lumbar,
    "cut_top": _cut_top,
}
_PROBABILITY = {
    "narrowed_disc": 0.45,
    "bulging_disc": 0.5,
    "slipped_vertebra": 0.12,
    "endplate_defects": 0.3,
    "bridging_osteophytes": 0.15,
    "wedged_vertebra": 0.06,
    "six_lumbar": 0.06,
    "cut_top": 0.5,
}
