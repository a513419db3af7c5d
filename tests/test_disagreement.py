"""Where methods disagree: which case is shown, and what is said where they do not."""

import numpy as np
import pytest
from scored_runs import compare, score, write_drifting

from spider2d.data.volume import Volume, read_mask, write_volume
from spider2d.reports.disagreement import case_table, chosen_cases, most_different_case
from spider2d.reports.report import make_document


def test_the_case_that_differs_most_is_chosen_and_none_where_all_are_equal(runs):
    write_drifting(runs)
    comparison = compare(runs, "exact", "drifting")
    first, other = comparison.runs
    assert most_different_case(comparison, first, other) == "3_t2_SPACE"
    assert most_different_case(comparison, other, first) == "3_t2_SPACE"
    assert most_different_case(comparison, first, first) is None
    wanted = [("best", "1_t1"), ("median", "1_t2"), ("worst", "3_t2_SPACE")]
    assert sorted((case.title, case.name) for case in chosen_cases(comparison)) == wanted
    rows = case_table(comparison).rows
    assert [row[1] for row in rows] == ["3_t2_SPACE", "2_t1", "1_t2", "1_t1"]
    pair, _, exact, drifted, difference = rows[0]
    assert (pair, exact) == ("exact - drifting", "1.000") and float(drifted) < 1
    assert float(difference) == pytest.approx(1 - float(drifted), abs=1e-3)


def test_one_false_vertebra_more_is_no_agreement_of_the_methods(runs):
    masks, predictions = runs / "data" / "masks", runs / "extra" / "predictions"
    for path in sorted((runs / "exact" / "predictions").iterdir()):
        mask = read_mask(path)
        labels_zyx = mask.array_zyx.copy()
        labels_zyx[tuple(np.argwhere(labels_zyx == 0)[0])] = 9
        write_volume(predictions / path.name, Volume(labels_zyx, mask.geometry))
    score(masks, predictions, runs / "extra" / "scores")
    document = make_document(compare(runs, "exact", "extra"))
    (section,) = [section for section in document.sections if section.title == "Where the methods disagree"]
    assert section.sentences == ("Every structure has the same Dice with all methods.",)
    assert section.items == ()
