"""Voxels and labels of the painted spine where random ("wild") patients differ from ordinary ones."""

from dataclasses import replace
from itertools import product

import numpy as np

from spider2d.data.phantom import processes
from spider2d.data.phantom.anatomy import sample_anatomy
from spider2d.data.phantom.bones import SACRUM_OWNER, paint_bones
from spider2d.data.phantom.field_of_view import place_grid
from spider2d.data.phantom.grid import Grid
from spider2d.data.phantom.spine import paint_spine
from spider2d.data.phantom.tissues import TISSUE
from spider2d.labels import CANAL_LABEL


def test_a_fused_vertebra_has_no_border_to_the_sacrum_beside_the_bodies(monkeypatch):
    monkeypatch.setattr(processes, "WING_SHARE", 1.0)
    monkeypatch.setattr(processes, "FUSED_SHARE", 1.0)
    fused = sample_anatomy(3, wildness=0.4)
    assert fused.is_fused and not sample_anatomy(2).is_fused
    grid = place_grid(fused, (18, 170, 120), (5.0, 1.0, 1.0), np.random.default_rng(3))
    flat = np.zeros(grid.shape_sra, np.float32)
    bones = paint_bones(fused, grid)
    labels, tissues = paint_spine(fused, grid, flat)
    apart_labels, apart_tissues = paint_spine(replace(fused, is_fused=False), grid, flat)
    changed = tissues != apart_tissues
    lowest = fused.vertebrae[0]
    beside = np.abs(grid.coordinates(0) - lowest.frame.centre[0]) > lowest.body.half_width
    assert changed.sum() > 30 and not changed[~beside].any()
    assert set(np.unique(bones.owner[changed])) == {lowest.label, SACRUM_OWNER}
    assert np.isin(apart_tissues[changed], [TISSUE["joint"], TISSUE["cortex"]]).all()
    grown = labels != apart_labels
    assert grown.any() and (labels[grown] == lowest.label).all()


def test_labels_of_wild_patients_leave_out_the_outer_part_of_the_cortex():
    for wildness in (0.0, 0.4):
        anatomy = sample_anatomy(3, wildness=wildness)
        grid = place_grid(anatomy, (12, 200, 150), (4.0, 0.8, 0.8), np.random.default_rng(3))
        flat = np.zeros(grid.shape_sra, np.float32)
        labels, tissues = paint_spine(anatomy, grid, flat)
        bones = paint_bones(anatomy, grid)
        # Away from other bones and from the canal, which is painted over the arches.
        alone = (bones.owner < SACRUM_OWNER) & (bones.second > 5) & (labels != CANAL_LABEL)
        depth_mm, cortex_mm = -bones.nearest, bones.cortex_mm
        in_vertebra = (labels > 0) & (labels < CANAL_LABEL)
        left_out_mm = np.where(cortex_mm > 1.2, cortex_mm - 0.6, cortex_mm / 2)
        assert in_vertebra[alone & (depth_mm > 0) & (depth_mm > 1.01 * left_out_mm)].all()
        outer = alone & (depth_mm > 0) & (depth_mm < 0.99 * left_out_mm)
        assert outer.sum() > 1000 and (tissues[outer] == TISSUE["cortex"]).mean() > 0.95
        assert in_vertebra[outer].mean() == (0.0 if wildness else 1.0)
    own = {part.cortex_mm for vertebra in anatomy.vertebrae for part in vertebra.arch} - {None}
    assert len(own) == 2 and min(own) < anatomy.arch_cortex_mm < max(own)  # transverse and joint processes
    shells_mm = {anatomy.cortex_mm, anatomy.arch_cortex_mm, *own}
    assert set(np.unique(bones.cortex_mm[bones.nearest < 0])) == {np.float32(mm) for mm in shells_mm}


def test_marrow_beside_the_bodies_is_told_apart_in_wild_patients_alone():
    for wildness in (0.0, 0.4):
        anatomy = sample_anatomy(3, "healthy", wildness)
        grid = place_grid(anatomy, (21, 150, 160), (4.4, 2.0, 2.0), np.random.default_rng(0))
        _, tissues = paint_spine(anatomy, grid, np.zeros(grid.shape_sra, np.float32))
        lateral = np.flatnonzero((tissues == TISSUE["process_marrow"]).any(axis=(1, 2)))
        assert bool(lateral.size) == (wildness > 0)
        assert (np.abs(grid.coordinates(0)[lateral] - anatomy.vertebrae[2].frame.centre[0]) > 12).all()


def test_arches_of_wild_patients_are_as_large_beside_the_middle_as_real_ones():
    """Sections of the third vertebra behind its body: 180 to 510 mm2 in two real patients, 6 mm aside."""
    areas_mm2 = {0.0: [], 0.4: []}
    for seed, wildness in product(range(6), areas_mm2):
        anatomy = sample_anatomy(seed, "healthy", wildness)
        third = anatomy.vertebrae[2]
        origin = third.frame.centre + (-12, -45, -30)
        grid = Grid((25, 100, 110), (1.0, 1.0, 1.0), tuple(float(mm) for mm in origin))
        labels, _ = paint_spine(anatomy, grid, np.zeros(grid.shape_sra, np.float32))
        right, _, posterior = third.frame.local(grid.open_mesh((slice(0, 25), slice(0, 100), slice(0, 110))))
        behind = (labels == third.label) & (posterior > third.body.half_depth)
        areas_mm2[wildness] += [(behind & (np.abs(right - mm) < 1)).sum() / 2 for mm in (-6, 6)]
    assert np.median(areas_mm2[0.0]) < 110 < np.median(areas_mm2[0.4])
