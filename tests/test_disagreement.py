"""Where methods disagree: which case is shown, and what is said where they do not."""

import numpy as np
from scored_runs import compare, score

from spider2d.data.volume import Volume, read_mask, write_volume
from spider2d.reports.disagreement import most_different_case
from spider2d.reports.report import make_document


def test_the_case_that_differs_most_is_chosen_and_none_where_all_are_equal(runs):
    comparison = compare(runs, "exact", "shifted")
    (first, other) = comparison.runs
    dice = {name: first.cases[name].values["overall_dice"] - other.cases[name].values["overall_dice"]
            for name in comparison.cases}  # fmt: skip
    assert most_different_case(comparison, first, other) == max(dice, key=dice.get)
    assert most_different_case(comparison, first, first) is None


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
