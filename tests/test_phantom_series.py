"""Whole phantom series as arrays: determinism, shared anatomy, and that structures can be seen."""

import numpy as np
import pytest

from spider2d.data.phantom.rendering import sample_scan
from spider2d.data.phantom.series import make_series
from spider2d.data.phantom.tissues import random_brightness_table
from spider2d.labels import CANAL_LABEL, DISC_OFFSET

SHAPE, SPACING = (9, 211, 173), (4.4, 1.4, 1.4)


@pytest.fixture(scope="module")
def pair():
    return {sequence: make_series(3, sequence, SHAPE, SPACING, "healthy") for sequence in ("t1", "t2")}


def brightness(series, label):
    middle = series.image_sra.shape[0] // 2
    planes = slice(middle - 1, middle + 2)
    return np.median(series.image_sra[planes][series.labels_sra[planes] == label])


def test_form_of_a_series(pair):
    series = pair["t1"]
    assert series.image_sra.shape == series.labels_sra.shape == series.padding_sra.shape == SHAPE
    assert (series.image_sra.dtype, series.labels_sra.dtype) == (np.float32, np.uint8)
    assert np.isfinite(series.image_sra).all()
    assert 0 <= series.image_sra.min() < series.image_sra.max() < 30_000
    assert (series.image_sra[series.padding_sra] == 0).all()
    assert not series.labels_sra[series.padding_sra].any()


def test_the_same_seed_gives_the_same_bytes():
    first, second = (make_series(5, "t2", (5, 90, 80), (8.0, 3.2, 3.0)) for _ in range(2))
    np.testing.assert_array_equal(first.image_sra, second.image_sra)
    np.testing.assert_array_equal(first.labels_sra, second.labels_sra)
    other = make_series(6, "t2", (5, 90, 80), (8.0, 3.2, 3.0))
    assert (first.labels_sra != other.labels_sra).any()


def test_sequences_of_a_patient_share_the_anatomy(pair):
    t1, t2 = pair["t1"], pair["t2"]
    for one, two in zip(t1.anatomy.vertebrae, t2.anatomy.vertebrae, strict=True):
        np.testing.assert_array_equal(one.frame.centre, two.frame.centre)
    volumes = [np.bincount(s.labels_sra.ravel(), minlength=226)[[1, 2, 3, DISC_OFFSET + 2]] for s in (t1, t2)]
    np.testing.assert_allclose(volumes[0], volumes[1], rtol=0.15)


def test_structures_differ_in_brightness(pair):
    t1, t2 = pair["t1"], pair["t2"]
    for k in (2, 3, 4):
        assert brightness(t1, DISC_OFFSET + k) < 0.85 * brightness(t1, k)
        assert brightness(t1, CANAL_LABEL) < 0.7 * brightness(t1, k)
        assert brightness(t2, CANAL_LABEL) > 1.3 * brightness(t2, k)


def test_bone_has_a_dark_rim():
    series = make_series(2, "t1", (5, 420, 320), (4.0, 0.7, 0.7), "healthy")
    plane = series.image_sra[2]
    rows, columns = np.nonzero(series.labels_sra[2] == 3)
    column = int(np.median(columns[columns < np.median(columns)]))
    inside = rows[columns == column]
    profile = plane[inside.min() - 3 : inside.max() + 4, column]
    assert min(profile[:7].min(), profile[-7:].min()) < 0.55 * np.median(profile)


def test_thin_slices_are_made_without_sub_slices():
    series = make_series(1, "t2_SPACE", (12, 120, 100), (0.9, 2.5, 2.3))
    assert series.labels_sra.shape == (12, 120, 100)
    assert CANAL_LABEL in series.labels_sra


def test_a_scan_of_ones_own_changes_the_image_only():
    rng = np.random.default_rng(0)
    scan = sample_scan(rng, random_brightness_table(rng), "t1")
    shape, spacing = (5, 90, 80), (8.0, 3.2, 3.0)
    usual = make_series(4, "t1", shape, spacing)
    random = make_series(4, "t1", shape, spacing, scan=scan)
    assert np.abs(usual.image_sra - random.image_sra).mean() > 10
    np.testing.assert_array_equal(usual.labels_sra, random.labels_sra)


def test_unknown_sequence_is_refused():
    with pytest.raises(ValueError, match="unknown sequence 'stir'; known: t1, t2, t2_SPACE"):
        make_series(0, "stir")
