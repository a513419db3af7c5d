"""How figures are written: digits, intervals, "n/a" for what was not measured."""

import math
from collections.abc import Sequence

NOT_AVAILABLE = "n/a"


def number(value: float | None, digits: int) -> str:
    """Return a figure with fixed digits."""
    if value is None or math.isnan(value):
        return NOT_AVAILABLE
    return f"{value:.{digits}f}"


def signed(value: float, digits: int) -> str:
    """Return a difference with its sign."""
    return NOT_AVAILABLE if math.isnan(value) else f"{value:+.{digits}f}"


def rounded_down(value: float, digits: int) -> float:
    """Return a figure so that what is shown of it is never above it."""
    return value if math.isnan(value) else math.floor(value * 10**digits) / 10**digits


def with_interval(value: float | None, interval: Sequence[float] | None, digits: int) -> str:
    """Return ``0.917 [0.913, 0.922]``, without brackets where there is no interval."""
    text = number(value, digits)
    if value is None or interval is None or any(math.isnan(bound) for bound in interval):
        return text
    return f"{text} [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"


def with_spread(value: float | None, spread: float | None, digits: int) -> str:
    """Return ``0.93 ± 0.05``, without the spread where there is none."""
    text = number(value, digits)
    return text if value is None or spread is None else f"{text} ± {spread:.{digits}f}"


def p_value(value: float) -> str:
    """Return a p-value with three digits, ``<0.001`` below."""
    if math.isnan(value):
        return NOT_AVAILABLE
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def amount(value: float | None) -> str:
    """Return a cost with three significant digits, thousands apart."""
    if value is None:
        return NOT_AVAILABLE
    if value >= 999.5:  # three digits of it are 1000, and of larger ones a power of ten
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """Return a time in the unit a reader thinks in."""
    if seconds is None:
        return NOT_AVAILABLE
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
