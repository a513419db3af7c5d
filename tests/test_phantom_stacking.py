"""Sizes of bodies, discs and sac of ordinary and wild patients, against the tables and real images."""

import numpy as np

from spider2d.data.phantom import canal, stacking
from spider2d.data.phantom.anatomy import sample_anatomy
from spider2d.data.phantom.shapes import Body

PATIENTS = 150


def mean_height_mm(disc: stacking.Disc) -> float:
    return 2 * (disc.half_height - 4.0)


def lumbar(wildness: float, variant: str | None = "healthy") -> list:
    anatomies = (sample_anatomy(seed, variant, wildness) for seed in range(PATIENTS))
    return [
        (disc, vertebra.body)
        for anatomy in anatomies
        for disc, vertebra in zip(anatomy.discs[1:5], anatomy.vertebrae[1:5], strict=True)
    ]


def test_discs_of_wild_patients_are_a_quarter_lower_and_vary_more():
    ordinary, wild = (
        np.array([mean_height_mm(disc) / (2 * body.half_height) for disc, body in lumbar(wildness)])
        for wildness in (0.0, 0.4)
    )
    assert 0.68 < np.median(wild) / np.median(ordinary) < 0.82
    assert wild.std() / np.median(wild) > 2 * ordinary.std() / np.median(ordinary)


def test_no_disc_of_a_wild_patient_vanishes():
    least = min(mean_height_mm(disc) for disc, _ in lumbar(0.7, "narrowed_disc"))
    # .3 of the 6.2 mm of the uppermost of these levels, in the smallest patient.
    assert 0.3 * 6.2 * 0.84 - 1e-9 < least < 0.45 * 6.2


def test_bodies_of_wild_patients_vary_in_depth_height_and_faces():
    rng = np.random.default_rng(0)
    plain = Body(20.0, 18.0, 14.0, wedge=0.0, waist=0.1)
    bodies = [stacking.vary_body(rng, plain, 1.1) for _ in range(2000)]
    for name, mean, spread in (
        ("half_depth", 18.0, 0.54),
        ("half_height", 15.4, 0.616),
        ("wedge", 0.0, 0.02),
    ):
        values = np.array([getattr(body, name) for body in bodies])
        assert abs(values.mean() - mean) < 0.1 * spread
        assert abs(values.std() - spread) < 0.1 * spread
    hollows = np.array([body.concavity for body in bodies])
    assert hollows.min() >= 0
    assert hollows.max() <= 3
    assert abs(np.corrcoef(hollows.T)[0, 1]) < 0.1
    assert all(20.0 <= body.half_width <= 25.2 for body in bodies)


def test_bodies_of_wild_patients_are_a_twentieth_taller_and_patients_differ():
    ordinary, wild = (
        np.array([[v.body.half_height / v.body.half_depth for v in a.vertebrae[1:5]] for a in patients])
        for patients in (
            [sample_anatomy(seed, "healthy", wildness) for seed in range(PATIENTS)] for wildness in (0.0, 0.4)
        )
    )
    assert abs(np.median(wild) / np.median(ordinary) - stacking.TALL_BODIES[0]) < 0.025
    assert wild.mean(axis=1).std() > 1.3 * ordinary.mean(axis=1).std()


def test_the_sac_of_wild_patients_is_narrower_from_front_to_back_not_from_side_to_side():
    sacs = [[sample_anatomy(seed, "healthy", wild).canal for seed in range(PATIENTS)] for wild in (0.0, 0.4)]
    depth, width = (
        [np.median([np.median(getattr(sac, name)) for sac in patients]) for patients in sacs]
        for name in ("half_depth_mm", "half_width_mm")
    )
    middle = [np.mean(limits) for limits in (canal.HALF_DEPTH_MM, canal.WILD_HALF_DEPTH_MM)]
    assert abs(depth[1] / depth[0] - middle[1] / middle[0]) < 0.05
    assert abs(width[1] / width[0] - 1) < 0.03
