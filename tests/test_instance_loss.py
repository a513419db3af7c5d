import pytest
import torch

from spider2d.models.instance_loss import instance_dice_loss


def test_small_and_large_vertebrae_weigh_the_same():
    territories = torch.tensor([[[1] * 100 + [2] * 8]], dtype=torch.uint8)
    is_vertebra = torch.ones(1, 1, 108, dtype=torch.bool)
    large_alone = (territories == 1).float()
    # found: 0; missed: 1 - 16 / (8 + 16) = 1/3; the mean of both
    assert instance_dice_loss(large_alone, is_vertebra, territories) == pytest.approx(1 / 6)
    small_alone = (territories == 2).float()
    assert instance_dice_loss(small_alone, is_vertebra, territories) == pytest.approx((1 - 16 / 116) / 2)


def test_what_is_found_beside_a_vertebra_counts_against_the_nearest():
    territories = torch.tensor([[[1, 1, 1, 1, 9, 9]]], dtype=torch.uint8)
    is_vertebra = torch.tensor([[[True, True, False, False, True, True]]])
    found = torch.tensor([[[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]])
    assert instance_dice_loss(found, is_vertebra, territories) == pytest.approx((1 - 20 / 22 + 0) / 2)


def test_equal_labels_of_two_samples_are_two_vertebrae():
    territories = torch.full((2, 1, 16), 3, dtype=torch.uint8)
    is_vertebra = torch.ones(2, 1, 16, dtype=torch.bool)
    first_alone = torch.tensor([1.0, 0.0])[:, None, None].expand(2, 1, 16)
    assert instance_dice_loss(first_alone, is_vertebra, territories) == pytest.approx(0.25)


def test_samples_without_a_vertebra_do_not_count():
    nothing = torch.zeros(1, 2, 3, dtype=torch.uint8)
    found = torch.ones(1, 2, 3, requires_grad=True)
    loss = instance_dice_loss(found, nothing > 0, nothing)
    assert loss == 0
    loss.backward()
    assert not found.grad.any()


def test_it_pulls_a_missed_small_piece_harder_than_a_large_one():
    territories = torch.tensor([[[1] * 200 + [2] * 8]], dtype=torch.uint8)
    probability = torch.full((1, 1, 208), 0.5, requires_grad=True)
    instance_dice_loss(probability, torch.ones(1, 1, 208, dtype=torch.bool), territories).backward()
    assert probability.grad[0, 0, 207] < 4 * probability.grad[0, 0, 0] < 0


def test_half_precision_is_summed_in_float32():
    territories = torch.ones(1, 100, 100, dtype=torch.uint8)
    half = torch.ones(1, 100, 100, dtype=torch.bfloat16)
    assert instance_dice_loss(half, territories > 0, territories) == pytest.approx(0, abs=1e-6)
