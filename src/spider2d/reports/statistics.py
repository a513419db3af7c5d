"""Paired statistics of two methods on the same patients.

Series of one patient resemble each other, so tests and bounds see one value per patient: the mean of the
differences over the patient's series.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
ALPHA = 0.05


@dataclass(frozen=True)
class PairedDifference:
    """One figure of two methods, first minus other; NaN where not defined.

    Attributes:
        n_cases: Cases with a value of both methods.
        n_patients: Their patients.
        n_nonzero: Those whose mean difference is not zero; the signed-rank test sees no others.
        mean: Mean over patients of each patient's mean difference. With unlike numbers of series per patient
            it is not the difference of the two means over series.
        interval: Its two-sided 95 % interval by Student's t over patients; NaN below two patients.
        lower_bound: One-sided 95 % bound below ``mean``, by the same t; NaN below two patients.
        p_value: Wilcoxon signed-rank test over patients, two-sided.
        rank_biserial: Effect size, -1 to 1; positive when the first method is higher.
    """

    n_cases: int
    n_patients: int
    n_nonzero: int
    mean: float
    interval: tuple[float, float]
    lower_bound: float
    p_value: float
    rank_biserial: float


def compare_paired(first: np.ndarray, other: np.ndarray, patients: np.ndarray) -> PairedDifference:
    """Compare one figure of two methods.

    Args:
        first: (N,) values of the first method, one per case; NaN = not defined.
        other: (N,) values of the other on the same cases.
        patients: (N,) the patient of each case.

    Returns:
        The differences over the cases where both have a value.
    """
    both = np.isfinite(first) & np.isfinite(other)
    if not both.any():
        return PairedDifference(0, 0, 0, np.nan, (np.nan, np.nan), np.nan, np.nan, np.nan)
    differences = (first - other)[both]
    per_patient = patient_means(differences, patients[both])
    return PairedDifference(
        n_cases=len(differences),
        n_patients=len(per_patient),
        n_nonzero=int(np.count_nonzero(per_patient)),
        mean=float(per_patient.mean()),
        interval=two_sided_interval(per_patient),
        lower_bound=lower_bound(per_patient),
        p_value=signed_rank_p(per_patient),
        rank_biserial=rank_biserial(per_patient),
    )


def patient_means(values: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Return the mean of the values (N,) of each patient, patients in sorted order."""
    names, patient_of_row = np.unique(patients, return_inverse=True)
    return np.bincount(patient_of_row, values, len(names)) / np.maximum(np.bincount(patient_of_row), 1)


def signed_rank_p(differences: np.ndarray) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test (scipy); differences of zero are left out.

    1.0 when all differences are zero.
    """
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences[differences != 0]).pvalue)


def smallest_p(n_differences: int) -> float:
    """Return the smallest two-sided p the signed-rank test can give: all differences of one sign.

    Args:
        n_differences: Number of differences that are not zero; the test leaves the others out.
    """
    return min(1.0, 2.0 ** (1 - n_differences))


def rank_biserial(differences: np.ndarray) -> float:
    """Return the matched-pairs rank-biserial correlation: favourable minus unfavourable share of the ranks.

    Kerby, "The simple difference formula", Comprehensive Psychology 3:1, 2014. 0 when all differences are
    zero.
    """
    nonzero = differences[differences != 0]
    if not len(nonzero):
        return 0.0
    ranks = stats.rankdata(np.abs(nonzero))
    return float((np.sign(nonzero) * ranks).sum() / ranks.sum())


def two_sided_interval(differences: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Return the two-sided confidence interval of the mean of one difference per patient, by Student's t.

    Its lower end is the one-sided bound at (1 + level) / 2. NaN below two patients.
    """
    low = lower_bound(differences, (1 + level) / 2)
    return low, 2 * float(differences.mean()) - low


def lower_bound(differences: np.ndarray, level: float = LEVEL) -> float:
    """Return the one-sided lower confidence bound of the mean of one difference per patient, by Student's t.

    The t bound and not a bootstrap one, which is too narrow for a handful of patients. NaN below two.
    """
    n = len(differences)
    if n < 2:
        return np.nan
    error = differences.std(ddof=1) / np.sqrt(n)
    return float(differences.mean() - stats.t.ppf(level, n - 1) * error)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number; NaN are no tests and stay NaN.

    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6:65-70, 1979.
    """
    p = np.asarray(p_values, dtype=float)
    corrected = np.full(len(p), np.nan)
    tested = [index for index in np.argsort(p, kind="stable") if np.isfinite(p[index])]
    largest = 0.0
    for position, index in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - position) * p[index]))
        corrected[index] = largest
    return corrected.tolist()
