"""Sentences and rows about one-sided bounds, on differences of which only the bounds matter."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from scored_runs import compare

from spider2d.reports import non_inferiority
from spider2d.reports.difference_tables import Difference
from spider2d.reports.non_inferiority import is_shown, non_inferiority_sentences, non_inferiority_table
from spider2d.reports.statistics import PairedDifference


@pytest.fixture
def report(written_runs, monkeypatch):
    """Return a function that gives sentence and rows of a comparison with these lower bounds."""
    comparison = compare(written_runs, "exact", "shifted")
    ((first, other),) = comparison.pairs

    def make(bounds, margin=0.02):
        differences = [
            Difference(first, other, structure, "all series", paired(bound), 1.0)
            for structure, bound in zip(("vertebra", "disc", "canal"), bounds, strict=True)
        ]
        monkeypatch.setattr(non_inferiority, "dice_differences", lambda _: differences)
        marked = replace(comparison, margin_dice=margin)
        return non_inferiority_sentences(marked)[0], non_inferiority_table(marked).rows

    return make


def paired(bound):
    n_patients = 1 if math.isnan(bound) else 8
    return PairedDifference(**{**dict.fromkeys(FIELDS, 0.0), "n_patients": n_patients, "lower_bound": bound})


FIELDS = tuple(PairedDifference.__dataclass_fields__)


def test_a_row_never_contradicts_itself(report):
    _, rows = report([-0.0204, -0.0196, -0.02])
    assert [row[4:] for row in rows] == [
        ("-0.021", "not shown", "0.021"),
        ("-0.020", "yes", "0.020"),
        ("-0.020", "not shown", "0.021"),
    ]
    _, rows = report([0.0129, 0.0, -1e-9])
    assert [row[4:] for row in rows] == [
        ("+0.012", "yes", "0.000"),
        ("+0.000", "yes", "0.000"),
        ("-0.001", "yes", "0.001"),
    ]


@pytest.mark.parametrize("bound", [-0.001, -0.0290, -0.02999999999, -0.03, -0.125, -0.9991])
def test_the_smallest_margin_holds_and_the_next_smaller_does_not(bound):
    difference = SimpleNamespace(paired=SimpleNamespace(lower_bound=bound))
    margin = non_inferiority.smallest_margin(bound)
    assert is_shown(difference, margin) and not is_shown(difference, margin - 0.0011)
    assert margin == pytest.approx(-bound, abs=0.00101)


def test_the_sentence_shows_the_bound_rounded_down(report):
    sentence, _ = report([-0.0204] * 3)
    assert sentence.startswith("It is NOT shown that exact") and "lower bound -0.021)" in sentence


def test_what_has_no_bound_is_undecided_and_not_refuted(report):
    undecided = "It cannot be said for canal (patients with both values: 1, needed: 2)."
    sentence, rows = report([0.01, 0.01, math.nan])
    assert "(95 % confidence) for vertebra (difference" in sentence and "NOT" not in sentence
    assert sentence.endswith(f" {undecided}") and rows[2][4:] == ("n/a", "cannot be said", "n/a")
    sentence, _ = report([0.01, -0.5, math.nan])
    assert "It is NOT shown for disc (" in sentence and sentence.endswith(undecided)
    sentence, _ = report([-0.5, -0.5, math.nan])
    assert sentence.startswith("It is NOT shown that") and sentence.endswith(undecided)
    sentence, _ = report([math.nan] * 3)
    assert sentence.endswith("cannot be said: patients with both values: 1, needed: 2.")
