import json

import numpy as np
import pytest
import torch
from load_script import load_script
from painted_spine import LPS, PIR, paint_volume, spec

from spider2d.checkpoint import save_checkpoint
from spider2d.data.volume import read_volume, to_canonical, write_volume
from spider2d.errors import DatasetError
from spider2d.models.unet2d import build_network

real_data = load_script("experiments/real_data.py")


def bodies(*labels, gap=2, height=10):
    """Return a stack (1, rows, 8) of boxes one above the other, first label at the bottom."""
    stack = np.zeros((1, len(labels) * (height + gap), 8), int)
    for k, label in enumerate(reversed(labels)):
        stack[0, k * (height + gap) : k * (height + gap) + height] = label
    return stack


def test_shifted_numbers_are_found_in_order():
    score = real_data.score_bodies(bodies(1, 2, 3), bodies(3, 4, 5))
    assert score == {
        "bodies": 3,
        "found": 3,
        "recall": 1.0,
        "in_order": True,
        "numbers_right": False,
        "extra_below": 0,
        "merged_neighbours": 0,
    }


def test_numbers_are_right_when_every_body_found_bears_its_own():
    assert real_data.score_bodies(bodies(1, 2, 3), bodies(1, 2, 3))["numbers_right"]
    assert real_data.score_bodies(bodies(1, 2, 3), bodies(0, 2, 3))["numbers_right"]  # one was missed
    assert not real_data.score_bodies(bodies(1, 2, 3), bodies(1, 2, 4))["numbers_right"]
    assert not real_data.score_bodies(bodies(1, 2, 3), bodies(0, 0, 0))["numbers_right"]


def test_vertebrae_below_the_lowest_body_are_counted_discs_are_not():
    score = real_data.score_bodies(bodies(0, 0, 1, 2), bodies(201, 1, 2, 3))
    assert score["extra_below"] == 1 and not score["numbers_right"]
    assert json.loads(json.dumps(score)) == score
    on_the_sacrum = real_data.score_bodies(bodies(26, 1, 2), bodies(1, 2, 3))
    assert on_the_sacrum["extra_below"] == 1
    assert real_data.score_bodies(bodies(1, 2), bodies(1, 2))["extra_below"] == 0


def test_summary_prints_numbers_and_vertebrae_below(capsys):
    row = real_data.score_bodies(bodies(0, 1, 2), bodies(1, 2, 3))
    four = bodies(1, 2, 3, 4)
    slices = {"a": real_data.score_slice(four, four, (1.0, 2.5, 2.5))}
    discs = {"a": real_data.score_discs(bodies(201), bodies(201))}
    folders = {name: {"a": row} for name in real_data.BODIES}
    real_data.print_summary({real_data.SLICES: slices, **folders, real_data.DISCS: discs})
    printed = capsys.readouterr().out
    assert printed.count("numbers right 0/1, vertebrae below the lowest body 1,") == 2


def test_two_bodies_in_one_prediction_are_merged():
    score = real_data.score_bodies(bodies(1, 2, 3), bodies(1, 1, 2))
    assert score["merged_neighbours"] == 1 and score["found"] == 2 and not score["in_order"]


def test_wrong_order_is_told():
    assert not real_data.score_bodies(bodies(1, 2, 3), bodies(2, 1, 3))["in_order"]


def test_sacral_body_does_not_count_and_a_disc_finds_no_body():
    score = real_data.score_bodies(bodies(26, 1), bodies(1, 201))
    assert score["bodies"] == 1 and score["found"] == 0 and score["recall"] == 0


def test_discs_by_best_match():
    reference, prediction = bodies(201, 202), bodies(203, 1)
    score = real_data.score_discs(reference, prediction)
    assert score == {"discs": 2, "found": 1, "dice": 0.5}


@pytest.mark.parametrize(("pixel_mm", "mid_region"), [(2.5, True), (2.0, False)])
def test_slice_is_mid_region_by_area(pixel_mm, mid_region):
    reference = bodies(1, 2, 3, 4)  # 80 pixels each: 500 or 320 mm2
    score = real_data.score_slice(reference, np.zeros_like(reference), (1.0, pixel_mm, pixel_mm))
    assert score == {"pooled_dice": 0, "instance_dice": 0, "mid_region": mid_region, "missed_slice": True}


def test_slice_dice_half_right():
    reference, prediction = bodies(1, 2), bodies(5, 0)
    score = real_data.score_slice(reference, prediction, (1.0, 1.0, 1.0))
    assert score["pooled_dice"] == pytest.approx(2 / 3) and score["instance_dice"] == 0.5


def test_nan_becomes_null():
    assert (
        json.dumps(real_data.without_nan({"a": {"b": float("nan"), "c": 1.5}}))
        == '{"a": {"b": null, "c": 1.5}}'
    )


@pytest.mark.parametrize("grid", [LPS, PIR])
def test_falsified_headers_state_rows_and_columns_larger_and_keep_the_image(tmp_path, grid):
    volume = paint_volume(grid)[0]
    write_volume(tmp_path / "1_t1.mha", volume)
    path = real_data.falsify_size(tmp_path / "1_t1.mha", tmp_path / "stated", (1.5, 0.5), None)
    array_sra, spacing_sra_mm = to_canonical(read_volume(path))
    expected_sra, true_sra_mm = to_canonical(volume)
    assert spacing_sra_mm == pytest.approx(np.multiply(true_sra_mm, (1, 1.5, 0.5)))
    np.testing.assert_array_equal(array_sra, expected_sra)


def test_inference_sees_the_falsified_header_and_its_warnings_are_read(tmp_path):
    plan = spec(offset_head=True, decoder_channels=(8, 8, 8, 8, 8), pixel_size_mm=1.6)
    network = build_network(plan)
    with torch.no_grad():
        network.segmentation_head[0].weight.zero_()
        network.segmentation_head[0].bias.copy_(torch.tensor([9.0, 0, 0, 0, 0, 0]))  # background everywhere
    save_checkpoint(tmp_path / "tiny.pt", plan, network.state_dict(), {})
    folder, volume = tmp_path / real_data.DISCS, paint_volume(LPS)[0]
    write_volume(folder / "images" / "11_t2.mha", volume)
    write_volume(folder / "images" / "20_t2.mha", volume)
    options = ["--checkpoint", tmp_path / "tiny.pt", "--half", "development", "--stated-size", 1.5, 1.5]
    args = real_data.parse_args([str(tmp_path), *map(str, options)])
    real_data.infer(folder, tmp_path / "out", args)
    assert [path.name for path in (tmp_path / "out").glob("*.mha")] == ["11_t2.mha"]
    report = json.loads((tmp_path / "out" / "11_t2.json").read_text())
    expected = np.multiply(volume.geometry.spacing_sra_mm, (1, 1.5, 1.5))
    assert report["spacing_sra_mm"] == pytest.approx(expected, abs=1e-4)
    assert "nothing_found" in real_data.warnings_of(tmp_path / "out" / "11_t2.json")
    with pytest.raises(DatasetError, match="no such folder"):
        real_data.infer(tmp_path / real_data.SLICES, tmp_path / "out", args)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x"])
def test_impossible_factors_are_refused(text, capsys):
    with pytest.raises(SystemExit):
        real_data.parse_args(["folder", "--stated-size", "1", text])
    assert "--stated-size" in capsys.readouterr().err


def test_volumes_with_a_doubted_pixel_size_are_counted(capsys):
    rows = {"a": {"warnings": ["pixel_size", "disc_distance"]}, "b": {"warnings": ["disc_distance"]}}
    real_data.print_warnings({real_data.DISCS: rows})
    assert "pixel_size in 1, disc_distance in 2 of 2" in capsys.readouterr().out
