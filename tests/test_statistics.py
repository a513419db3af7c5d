import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spider2d.reports.statistics import (
    compare_paired,
    holm,
    lower_bound,
    patient_means,
    rank_biserial,
    signed_rank_p,
    smallest_p,
    two_sided_interval,
)


def test_paired_difference_by_hand():
    first = np.array([0.9, 0.9, 0.9, np.nan, 0.5])
    other = np.array([0.8, 0.6, 0.4, 0.1, np.nan])
    paired = compare_paired(first, other, np.array(["1", "1", "2", "2", "3"]))
    assert (paired.n_cases, paired.n_patients) == (3, 2)  # a value missing on either side is no pair
    # patients 0.2 and 0.5: mean 0.35, standard error 0.15, t of one degree of freedom 12.706 and 6.3138
    assert paired.mean == pytest.approx(0.35)
    assert paired.interval == pytest.approx((0.35 - 12.7062 * 0.15, 0.35 + 12.7062 * 0.15), abs=1e-5)
    assert paired.lower_bound == pytest.approx(0.35 - 6.31375 * 0.15, abs=1e-5)
    assert paired.p_value == pytest.approx(0.5)
    assert paired.rank_biserial == 1


def test_one_patient_has_a_mean_but_no_interval_and_no_bound():
    paired = compare_paired(np.array([0.9, 0.8]), np.array([0.8, 0.8]), np.array(["7", "7"]))
    assert paired.mean == pytest.approx(0.05)
    assert np.isnan([*paired.interval, paired.lower_bound]).all()


def test_patients_without_a_difference_are_counted_apart():
    first, patients = np.array([0.9, 0.8, 0.7, 0.7]), np.array(["1", "2", "3", "3"])
    paired = compare_paired(first, np.array([0.8, 0.8, 0.7, 0.7]), patients)
    assert (paired.n_patients, paired.n_nonzero) == (3, 1)
    assert paired.p_value == smallest_p(paired.n_nonzero) == 1


def test_no_pair_at_all():
    nothing = np.array([np.nan, 1.0])
    paired = compare_paired(nothing, nothing[::-1], np.array(["1", "2"]))
    assert paired.n_cases == 0
    assert np.isnan([paired.mean, paired.p_value, paired.rank_biserial, paired.lower_bound]).all()


def test_patients_are_averaged_first():
    assert patient_means(np.array([1.0, 3.0, 10.0]), np.array(["b", "b", "a"])).tolist() == [10.0, 2.0]


@pytest.mark.parametrize("n", [1, 2, 5, 6, 9])
def test_smallest_p_is_what_the_test_gives_when_all_differences_have_one_sign(n):
    assert signed_rank_p(np.arange(1.0, n + 1)) == pytest.approx(smallest_p(n))
    assert smallest_p(n) == pytest.approx(2 / 2**n)


def test_zero_differences_are_left_out():
    assert signed_rank_p(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(2 / 2**5)
    assert signed_rank_p(np.zeros(4)) == 1.0


def test_rank_biserial_by_hand():
    assert rank_biserial(np.array([3.0, -1.0, 2.0])) == pytest.approx((3 + 2 - 1) / 6)
    assert rank_biserial(np.array([-0.1, -0.2, 0.0])) == -1
    assert rank_biserial(np.zeros(3)) == 0


def test_lower_bound_by_hand():
    # mean 0.2, standard error 0.1, t of one degree of freedom 6.3138
    assert lower_bound(np.array([0.1, 0.3])) == pytest.approx(0.2 - 0.63138, abs=1e-5)
    assert lower_bound(np.zeros(5)) == 0
    assert np.isnan(lower_bound(np.array([0.4])))


def test_two_sided_interval_by_hand():
    # mean 0.2, standard error 0.1 / sqrt(3), t of two degrees of freedom 4.30265
    half = 4.30265 * 0.1 / np.sqrt(3)
    interval = two_sided_interval(np.array([0.1, 0.2, 0.3]))
    assert interval == pytest.approx((0.2 - half, 0.2 + half), abs=1e-6)
    assert [str(bound) for bound in two_sided_interval(np.zeros(5))] == ["0.0", "0.0"]  # and not -0.0
    assert np.isnan(two_sided_interval(np.array([0.4]))).all()


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12))
def test_bounds_are_those_of_scipys_t_test(values):
    differences = np.array(values)
    if differences.std() < 1e-9:
        return
    expected = stats.ttest_1samp(differences, 0, alternative="greater").confidence_interval(0.95).low
    assert lower_bound(differences) == pytest.approx(expected, abs=1e-9)
    both_sides = tuple(stats.ttest_1samp(differences, 0).confidence_interval(0.95))
    assert two_sided_interval(differences) == pytest.approx(both_sides, abs=1e-9)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    corrected = holm([0.6, np.nan, 0.5])
    assert corrected[0] == corrected[2] == 1.0 and np.isnan(corrected[1])
    assert holm([]) == []
