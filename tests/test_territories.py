import numpy as np

from spider2d.data.territories import nearest_instances


def test_every_pixel_belongs_to_the_nearest_vertebra():
    instances = np.zeros((3, 9), dtype=np.uint8)
    instances[1, 0], instances[1, 6] = 4, 250
    nearest = nearest_instances(instances, instances > 0)
    assert nearest.dtype == np.uint8 and nearest.shape == (3, 9)
    assert (nearest[:, :3] == 4).all() and (nearest[:, 4:] == 250).all()


def test_a_vertebra_in_pieces_keeps_its_number_about_each():
    instances = np.zeros((20, 20), dtype=np.uint8)
    instances[2:4, 2:4], instances[15:17, 15:17], instances[2:4, 15:17] = 1, 1, 2
    nearest = nearest_instances(instances, instances > 0)
    assert nearest[0, 0] == nearest[19, 19] == 1 and nearest[0, 19] == 2


def test_discs_and_canal_have_no_territory():
    instances = np.array([[1, 0, 201, 100]], dtype=np.uint8)
    assert nearest_instances(instances, instances == 1).tolist() == [[1, 1, 1, 1]]


def test_without_a_vertebra_there_are_none():
    instances = np.full((4, 5), 100, dtype=np.uint8)
    assert not nearest_instances(instances, np.zeros((4, 5), dtype=bool)).any()
