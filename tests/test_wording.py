import math

import pytest

from spider2d.reports.wording import amount, rounded_down


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "n/a"),
        (0.0123, "0.0123"),
        (999.4, "999"),
        (999.5, "1 000"),
        (999.99, "1 000"),
        (12345, "12 345"),
    ],
)
def test_costs_have_three_digits_and_no_power_of_ten(value, text):
    assert amount(value) == text


def test_rounding_down_goes_down_on_both_sides_of_zero():
    assert [rounded_down(value, 3) for value in (0.0019, -0.0011, 0.0, 2.0)] == [0.001, -0.002, 0.0, 2.0]
    assert math.isnan(rounded_down(math.nan, 3))
