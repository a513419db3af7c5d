import numpy as np

from spider2d.inference.outline import beyond_outline

PROBABILITY = np.array(
    [
        [0.9, 0.6, 0.1, 0.1, 0.5],
        [0.8, 0.7, 0.1, 0.1, 0.3],
        [0.1, 0.1, 0.1, 0.1, 0.2],
    ]
)
IS_BONE = PROBABILITY > 0.15


def test_each_piece_is_measured_by_its_own_highest_probability():
    beyond = beyond_outline(IS_BONE, PROBABILITY, 0.75)
    # 0.75 of 0.9 is 0.675, of 0.5 it is 0.375
    expected = [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1]]
    assert beyond.astype(int).tolist() == expected


def test_pieces_that_touch_at_a_corner_are_one():
    probability = np.array([[0.9, 0.0], [0.0, 0.5]])
    assert beyond_outline(probability > 0, probability, 0.6).tolist() == [[False, False], [False, True]]


def test_no_piece_is_lost_and_a_higher_level_leaves_less():
    rng = np.random.default_rng(0)
    probability = rng.uniform(0, 1, (40, 30))
    is_bone = probability > 0.5
    before = np.zeros_like(is_bone)
    for level in (0.0, 0.5, 0.7, 0.99):
        beyond = beyond_outline(is_bone, probability, level)
        assert (beyond >= before).all() and (beyond <= is_bone).all()
        before = beyond
    kept = is_bone & ~before
    assert kept[np.unravel_index(np.argmax(probability), kept.shape)]


def test_level_0_and_slices_without_bone():
    assert not beyond_outline(IS_BONE, PROBABILITY, 0).any()
    assert not beyond_outline(np.zeros((3, 5), bool), PROBABILITY, 0.7).any()
