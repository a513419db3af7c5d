import pytest

from spider2d.baselines.published import COMPARABLE, PUBLISHED, figures_of
from spider2d.labels import STRUCTURES


def test_every_row_says_where_it_is_from_and_why_it_may_be_compared():
    for result in PUBLISHED:
        assert result.citation and result.test_set and result.protocol and result.reason
        assert set(result.structures) <= set(STRUCTURES)
        assert result.structures or result.other_figure


def test_figures_of_the_papers_table():
    iis, nnunet = COMPARABLE
    assert [figures_of(iis, s).dice for s in STRUCTURES] == [0.93, 0.84, 0.92]
    assert [figures_of(nnunet, s).asd_mm for s in STRUCTURES] == [0.43, 0.54, 0.37]
    assert figures_of(iis, "vertebra", "t2").asd_mm == 0.51
    assert figures_of(iis, "canal", "t2_SPACE").dice is None
    assert figures_of(nnunet, "canal").detected is None


def test_two_dimensional_and_leaky_results_are_marked():
    marked = {result.method: result.comparable for result in PUBLISHED}
    assert [name for name, word in marked.items() if word == "yes"] == ["IIS", "nnU-Net 3d_fullres"]
    assert len(marked) == 6


def test_unknown_structure():
    with pytest.raises(KeyError):
        figures_of(PUBLISHED[0], "sacrum")
