import numpy as np

from spider2d.data.overlay import labels_of_classes, overlay_rgb


def test_background_keeps_the_grey_value():
    rgb = overlay_rgb(np.full((3, 5), 0.5), np.zeros((3, 5), int))
    assert rgb.shape == (3, 5, 3) and (rgb == 128).all()


def test_area_is_translucent_and_its_outline_opaque():
    labels = np.zeros((7, 9), int)
    labels[1:6, 2:7] = 100
    rgb = overlay_rgb(np.zeros((7, 9)), labels, alpha=0.4)
    inside, border = rgb[3, 4, 2], rgb[1, 2, 2]  # the blue of the canal is 1.0
    assert inside == round(0.4 * 255) and border == round(0.9 * 255)
    assert (rgb[0] == 0).all()


def test_neighbouring_vertebrae_have_clearly_different_colours():
    row = np.arange(1, 10)[None].repeat(3, axis=0)
    colours = overlay_rgb(np.zeros(row.shape), row, alpha=1.0)[1].astype(int)
    assert np.abs(np.diff(colours, axis=0)).sum(axis=1).min() > 60


def test_values_outside_the_range_are_clipped():
    rgb = overlay_rgb(np.array([[-1.0, 2.0]]), np.zeros((1, 2), int))
    assert rgb[0, 0, 0] == 0 and rgb[0, 1, 0] == 255


def test_class_maps_become_example_labels():
    assert labels_of_classes(np.array([0, 1, 2, 3, 255])).tolist() == [0, 1, 201, 100, 0]


def test_labels_of_signed_bytes_are_drawn_as_of_other_types():
    labels = np.array([[0, 1, 7, 100, 127]])
    grey = np.zeros(labels.shape)
    np.testing.assert_array_equal(overlay_rgb(grey, labels.astype(np.int8)), overlay_rgb(grey, labels))
