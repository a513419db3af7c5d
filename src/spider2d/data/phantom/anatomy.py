"""One patient: poses and shapes of vertebrae, discs, sacrum and canal, and the habitus, from a seed.

Everything is in ``sra`` mm with the origin at the centre of the sacrum's upper endplate.
"""

from dataclasses import dataclass

import numpy as np

from spider2d.data.phantom import arch, marrow, processes, sacrum, stacking
from spider2d.data.phantom.canal import Canal, make_canal
from spider2d.data.phantom.midline import Midline, make_midline
from spider2d.data.phantom.sacrum import Sacrum
from spider2d.data.phantom.shapes import Body, Capsule, Frame
from spider2d.data.phantom.stacking import Disc
from spider2d.data.phantom.variants import Disease, sample_disease

CORTEX_MM = 0.8


@dataclass(frozen=True)
class Vertebra:
    """One vertebra: its number from the bottom, pose, body, arch, and what differs inside its marrow.

    Attributes:
        label: 1 = the lowest lumbar vertebra.
        frame: Pose; the origin is the middle of the body.
        body: Shape of the body.
        arch: Capsules of the arch and of osteophytes.
        spots: (tissue name, place) of veins, haemangiomas and endplate changes inside the marrow.
    """

    label: int
    frame: Frame
    body: Body
    arch: tuple[Capsule, ...]
    spots: tuple[tuple[str, Capsule], ...]


@dataclass(frozen=True)
class Anatomy:
    """The whole patient; vertebrae and discs from the bottom up, ``discs[k]`` below ``vertebrae[k]``.

    ``wildness`` is what ``sample_anatomy`` was given; ``cortex_mm`` is the thickness of the bones' dark
    shell, ``arch_cortex_mm`` that of the arches' parts that have none of their own; ``is_fused`` tells
    whether the lowest vertebra has grown together with the wings of the sacrum.
    """

    seed: int
    wildness: float
    cortex_mm: float
    arch_cortex_mm: float
    is_fused: bool
    sex: str
    vertebrae: tuple[Vertebra, ...]
    discs: tuple[Disc, ...]
    sacrum: Sacrum
    canal: Canal
    midline: Midline
    disease: Disease


def sample_anatomy(seed: int, variant: str | None = None, wildness: float = 0.0) -> Anatomy:
    """Return the anatomy of patient ``seed``.

    Args:
        seed: Any non-negative integer; the same seed gives the same patient.
        variant: One of ``VARIANTS``, or None for a random mixture of diseases.
        wildness: 0 for ordinary patients; 1 varies posture and the shape of every part far beyond them, and
            adds ribs, iliac bones and random shapes, for training that must not rely on any of these.

    Raises:
        ValueError: If the variant is unknown.
    """
    rng = np.random.default_rng([seed, 1])
    sex = "F" if rng.random() < 0.6 else "M"
    scale = float(np.clip(rng.normal(0.95 if sex == "F" else 1.04, 0.045), 0.84, 1.16))
    disease = sample_disease(rng, variant, stacking.N_MODELLED)
    frames, bodies, discs = stacking.stack_spine(rng, scale, disease, wildness)
    joints = arch.joint_positions(rng, frames, bodies)
    cortex_mm = CORTEX_MM * (rng.uniform(0.5, 2.0) if wildness else 1.0)
    arch_cortex_mm = min(cortex_mm * rng.uniform(1.0, 1.7), 2.0) if wildness else cortex_mm
    vertebrae, habit = [], processes.sample_habit(rng, cortex_mm, arch_cortex_mm) if wildness else None
    for k in range(stacking.N_MODELLED):
        place, near, thoracic = (frames[k + 1], bodies[k + 1]), joints[k : k + 2], k >= disease.n_lumbar
        spread_mm = habit.joint_spread_mm if habit else arch.JOINT_SPREAD_MM
        parts = arch.vertebra_arch(rng, *place, near, thoracic, k == 0, not wildness, spread_mm)
        if habit:
            if not habit.is_slight:
                parts += processes.broad_pedicles(rng, *place, k, habit)
                parts += () if thoracic else processes.thick_spinous_process(rng, *place, k, habit)
            parts += processes.varied_transverse_processes(rng, *place, k, thoracic, habit)
            parts += processes.stout_joint_processes(rng, *place, near, habit)
            parts += processes.tall_laminae(rng, *place, near, habit)
            parts += processes.sacral_wings(rng, *place, frames[0], habit) if k == 0 else ()
        parts = arch.vary_parts(rng, parts, wildness)
        parts += arch.osteophytes(disease.bridging, k, frames, bodies)
        spots = marrow.sample_spots(rng, frames[k + 1], bodies[k + 1], disease.modic[k : k + 2])
        spots += marrow.random_spots(rng, frames[k + 1], bodies[k + 1], wildness)
        vertebrae.append(Vertebra(k + 1, frames[k + 1], bodies[k + 1], parts, spots))
    bone = sacrum.make_sacrum(rng, frames[0], bodies[0], joints[0], scale, wildness)
    return Anatomy(
        seed=seed,
        wildness=wildness,
        cortex_mm=cortex_mm,
        arch_cortex_mm=arch_cortex_mm,
        is_fused=bool(habit and habit.is_fused),
        sex=sex,
        vertebrae=tuple(vertebrae),
        discs=tuple(discs),
        sacrum=bone,
        canal=make_canal(rng, frames, bodies, bone, scale, disease.n_lumbar, wildness),
        midline=make_midline(frames, bodies, bone),
        disease=disease,
    )
