import numpy as np

from spider2d.inference.cleanup import clean_canal, tidy_instances

SPACING = (2.0, 1.0, 0.5)


def test_canal_keeps_its_continuation_only():
    canal = np.zeros((16, 60, 40), dtype=bool)
    canal[4:6, 5:30, 18:30] = True
    canal[4:6, 34:50, 18:30] = True  # a gap of 4 mm, 384 mm3
    far = canal.copy()
    far[13:15, 30:40, 18:30] = True  # 18 mm to the side
    np.testing.assert_array_equal(clean_canal(far, SPACING), canal)
    assert not clean_canal(np.zeros((3, 4, 5), dtype=bool), SPACING).any()


def test_fragments_join_what_they_touch_and_small_loose_ones_go():
    labels = np.zeros((10, 60, 60), dtype=np.uint8)
    labels[:, 2:22, 10:40] = 2
    labels[:, 26:46, 10:40] = 1
    expected = labels.copy()
    labels[4:6, 22:24, 12:20] = 1  # 32 mm3 of "1" on the underside of 2
    expected[4:6, 22:24, 12:20] = 2
    labels[4:6, 50:54, 10:14] = 1  # 32 mm3 of loose "1"
    labels[4:8, 48:56, 20:32] = expected[4:8, 48:56, 20:32] = 1  # 384 mm3, 3 mm below 1: stays
    np.testing.assert_array_equal(tidy_instances(labels, SPACING), expected)
    empty = np.zeros((3, 4, 5), dtype=np.uint8)
    np.testing.assert_array_equal(tidy_instances(empty, SPACING), empty)


def test_far_fragments_go_and_large_parts_stay():
    labels = np.zeros((10, 90, 60), dtype=np.uint8)
    labels[:, 2:22, 10:40] = 1
    far, large = labels.copy(), labels.copy()
    far[4:8, 70:78, 20:32] = 1  # 384 mm3, 49 mm away
    np.testing.assert_array_equal(tidy_instances(far, SPACING), labels)
    large[:, 70:76, 20:36] = 1  # 960 of 6000 mm3: no fragment
    np.testing.assert_array_equal(tidy_instances(large, SPACING), large)
