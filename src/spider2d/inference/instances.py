"""Class map to instances."""

from dataclasses import dataclass, field

import edt
import numpy as np

from spider2d.inference.boundary import Boundary
from spider2d.inference.cleanup import clean_canal
from spider2d.inference.discs import find_discs
from spider2d.inference.levels import add_missing_boundaries, estimate_pitch, sample_bodies
from spider2d.inference.spine_frame import fit_spine
from spider2d.inference.vertebra_assign import assign_levels
from spider2d.labels import CANAL, CANAL_LABEL, DISC, DISC_OFFSET, VERTEBRA


@dataclass(frozen=True)
class InstanceResult:
    labels_sra: np.ndarray
    topmost_incomplete: bool
    notes: list[str] = field(default_factory=list)


def label_instances(classes_sra, spacing_sra_mm, offsets_rc_mm=None) -> InstanceResult:
    labels = np.zeros(classes_sra.shape, np.uint8)
    box = tuple(slice(max(0, i.min()), i.max() + 1) for i in np.nonzero(classes_sra))
    classes = np.pad(classes_sra[box], 1)
    sp = tuple(float(x) for x in spacing_sra_mm)
    canal = clean_canal(classes == CANAL, sp)
    frame = fit_spine(np.where((classes == CANAL) & ~canal, 0, classes), sp)
    di = np.argwhere(classes == DISC)
    dp = di.astype(np.float32) * np.array(sp, np.float32)
    dnum, discs = find_discs(dp, sp, frame)
    vm = classes == VERTEBRA
    vi = np.argwhere(vm)
    vp = vi.astype(np.float32) * np.array(sp, np.float32)
    bodies = sample_bodies(vp, sp, frame)
    pitch = estimate_pitch(discs, bodies)
    bounds = add_missing_boundaries(discs, bodies, frame, pitch)
    depth = edt.edt(vm, anisotropy=sp, black_border=True, parallel=1)[vm]
    lev = assign_levels(vi, depth, sp, bounds, classes.shape)
    lev = np.maximum(lev, 1)
    out = np.zeros(classes.shape, np.uint8)
    out[canal] = CANAL_LABEL
    out[tuple(vi.T)] = lev
    rank = [i for i, b in enumerate(bounds) if b.disc]
    lut = np.array([DISC_OFFSET + 1 + r for r in rank] + [0], np.uint8)
    out[tuple(di.T)] = lut[dnum]
    labels[box] = out[1:-1, 1:-1, 1:-1]
    return InstanceResult(labels, False, [])
