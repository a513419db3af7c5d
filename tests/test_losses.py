import math

import pytest
import torch

from spider2d.labels import IGNORE_CLASS
from spider2d.models.losses import (
    LossConfig,
    cross_entropy_loss,
    dice_losses,
    merge_unlabelled,
    merge_unlabelled_classes,
    offset_loss,
    training_loss,
)

ALL = torch.ones(1, 4, dtype=torch.bool)
WITHOUT_DISC = torch.tensor([[True, True, False, True]])


def one_hot(classes):
    return torch.nn.functional.one_hot(classes, 4).movedim(-1, 1).float()


def batch_of(classes, labelled=None):
    n, h, w = classes.shape
    return {
        "classes": classes,
        "labelled": ALL.repeat(n, 1) if labelled is None else labelled,
        "offsets": torch.zeros(n, 2, h, w),
        "offset_mask": classes == 1,
        "territories": torch.ones(n, h, w, dtype=torch.uint8),
    }


def test_uniform_logits_have_cross_entropy_log_4():
    log_p = torch.zeros(1, 4, 2, 3).log_softmax(1)
    assert cross_entropy_loss(log_p, torch.zeros(1, 2, 3, dtype=torch.long)) == pytest.approx(math.log(4))


def test_cross_entropy_is_the_mean_over_pixels_that_are_not_ignored():
    log_p = torch.tensor([0.5, 0.25, 0.125, 0.125]).log().reshape(1, 4, 1, 1).repeat(1, 1, 1, 3)
    classes = torch.tensor([[[0, 1, IGNORE_CLASS]]])
    assert cross_entropy_loss(log_p, classes) == pytest.approx((math.log(2) + math.log(4)) / 2)
    assert cross_entropy_loss(log_p, torch.full((1, 1, 3), IGNORE_CLASS)) == 0


def test_dice_loss_by_hand():
    classes = torch.tensor([[[1, 1, 0, 0, 2, 3]]])
    p = one_hot(torch.tensor([[[1, 0, 1, 0, 2, 3]]]))
    # vertebra: overlap 1, sizes 2 and 2, smoothed by 1 and by 64 pixels; disc and canal: no loss
    assert dice_losses(p, classes, ALL) == pytest.approx(((1 - 3 / 5) / 3, (1 - 66 / 68) / 3))


def test_dice_loss_is_zero_for_a_perfect_and_near_one_for_a_disjoint_prediction():
    classes = torch.tensor([[[1, 2, 3] * 5000]])
    assert dice_losses(one_hot(classes), classes, ALL) == pytest.approx((0, 0))
    assert dice_losses(one_hot(classes % 3 + 1), classes, ALL) == pytest.approx((1, 1), abs=0.01)


def test_dice_loss_leaves_ignored_pixels_out():
    classes = torch.tensor([[[1, 2, 3, 0, IGNORE_CLASS, IGNORE_CLASS]]])
    p = one_hot(torch.tensor([[[1, 2, 3, 0, 1, 3]]]))
    assert dice_losses(p, classes, ALL) == pytest.approx((0, 0))


def test_dice_loss_is_over_the_whole_batch_or_over_each_slice():
    classes = torch.tensor([[[1, 1]], [[0, 0]]])
    p = one_hot(torch.tensor([[[1, 1]], [[1, 1]]]))
    only_vertebra = torch.tensor([[True, True, False, False]] * 2)
    batch_loss, slice_loss = dice_losses(p, classes, only_vertebra)
    assert batch_loss == pytest.approx(1 - 5 / 7)
    assert slice_loss == pytest.approx((0 + 1 - 64 / 66) / 2)  # two pixels found where there is nothing


def test_small_slices_weigh_as_much_as_large_ones_in_the_dice_of_slices():
    classes = torch.zeros(2, 1, 7000, dtype=torch.long)
    classes[0, 0, :6271], classes[1, 0, :64] = 1, 1
    found_large_only = one_hot(classes * torch.tensor([1, 0])[:, None, None])
    batch_loss, slice_loss = dice_losses(found_large_only, classes, ALL.repeat(2, 1))
    assert batch_loss == pytest.approx(64 / 12607 / 3, rel=1e-4)  # disc and canal: 0 of 0 pixels, no loss
    assert slice_loss == pytest.approx(1 / 2 / 6)  # half of the most, in one of two slices and three classes


def test_the_dice_of_slices_pushes_only_where_it_has_a_weight():
    logits = torch.randn(1, 4, 2, 3)
    batch = batch_of(torch.ones(1, 2, 3, dtype=torch.long))
    plain, more = (training_loss(logits, None, batch, LossConfig(slice_dice=w)) for w in (0, 2))
    assert more.total - plain.total == pytest.approx(2 * plain.slice_dice.item(), abs=1e-5)


def test_the_dice_of_vertebrae_leaves_out_ignored_pixels():
    classes = torch.tensor([[[1, 1, IGNORE_CLASS, 0]]])
    found_all = 50 * one_hot(torch.ones(1, 1, 4, dtype=torch.long))
    config = LossConfig(instance_dice=1)
    loss = training_loss(found_all, None, batch_of(classes), config).instance_dice
    assert loss == pytest.approx(1 - (4 + 16) / (3 + 2 + 16), abs=1e-5)


def test_merged_logits_keep_the_softmax_and_add_the_unlabelled_class_to_the_background():
    logits = torch.randn(1, 4, 3, 5)
    p, merged = logits.softmax(1), merge_unlabelled(logits, WITHOUT_DISC).softmax(1)
    assert torch.allclose(merged[:, 0], p[:, 0] + p[:, 2], atol=1e-6)
    assert (merged[:, 2] == 0).all()
    assert torch.allclose(merged[:, [1, 3]], p[:, [1, 3]], atol=1e-6)
    assert torch.allclose(merge_unlabelled(logits, ALL).softmax(1), p, atol=1e-6)


def test_each_sample_has_its_own_label_set():
    logits = torch.randn(2, 4, 3, 5)
    both = merge_unlabelled(logits, torch.cat([WITHOUT_DISC, ALL]))
    assert torch.equal(both[:1], merge_unlabelled(logits[:1], WITHOUT_DISC))
    assert torch.equal(both[1:], merge_unlabelled(logits[1:], ALL))


def test_finding_an_unlabelled_class_costs_nothing():
    classes = torch.tensor([[[0, 0, 1, 3]]])
    as_background = 20 * one_hot(torch.tensor([[[0, 0, 1, 3]]]))
    as_disc = 20 * one_hot(torch.tensor([[[2, 2, 1, 3]]]))
    losses = [
        training_loss(logits, None, batch_of(classes, WITHOUT_DISC), LossConfig()).total
        for logits in (as_background, as_disc)
    ]
    assert losses[0] == pytest.approx(losses[1].item(), abs=1e-5)
    assert training_loss(as_disc, None, batch_of(classes), LossConfig()).total > 1


def test_unlabelled_class_gets_no_push_against_itself():
    logits = torch.randn(1, 4, 2, 3, requires_grad=True)
    classes = torch.zeros(1, 2, 3, dtype=torch.long)
    training_loss(logits, None, batch_of(classes, WITHOUT_DISC), LossConfig()).total.backward()
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[:, 2] <= 0).all()  # more disc is never worse where the disc is not labelled


def test_unlabelled_values_in_the_reference_count_as_background():
    classes = torch.tensor([[[0, 1, 2, IGNORE_CLASS]]])
    assert merge_unlabelled_classes(classes, WITHOUT_DISC).tolist() == [[[0, 1, 0, IGNORE_CLASS]]]
    assert merge_unlabelled_classes(classes, ALL).tolist() == classes.tolist()


def test_sample_without_any_label_has_no_loss_and_no_gradient():
    logits = torch.randn(1, 4, 2, 3, requires_grad=True)
    nothing = torch.zeros(1, 4, dtype=torch.bool)
    loss = training_loss(
        logits, None, batch_of(torch.zeros(1, 2, 3, dtype=torch.long), nothing), LossConfig()
    )
    loss.total.backward()
    assert loss.total.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad.abs().max() < 1e-6


def test_offset_loss_by_hand():
    predicted = torch.zeros(1, 2, 1, 3)
    target = torch.tensor([[[[1.3, 9.0, 0.1]], [[0.0, 9.0, 0.0]]]])
    mask = torch.tensor([[[True, False, True]]])
    # beta 0.3: |d| - beta / 2 above, d^2 / (2 beta) below; four numbers in the mask
    assert offset_loss(predicted, target, mask) == pytest.approx((1.15 + 0.01 / 0.6) / 4)
    assert offset_loss(predicted, target, torch.zeros_like(mask)) == 0


def test_total_is_the_weighted_sum():
    torch.manual_seed(0)
    classes = torch.randint(0, 4, (2, 8, 8))
    batch = batch_of(classes) | {"offsets": torch.randn(2, 2, 8, 8)}
    weights = {"dice": 2, "slice_dice": 7, "instance_dice": 11, "cross_entropy": 3, "offset": 5}
    parts = training_loss(torch.randn(2, 4, 8, 8), torch.randn(2, 2, 8, 8), batch, LossConfig(**weights))
    expected = sum(weight * getattr(parts, name).item() for name, weight in weights.items())
    assert parts.total.item() == pytest.approx(expected)
    assert min(parts) > 0


def test_half_precision_logits_are_summed_in_float32():
    logits = torch.zeros(1, 4, 64, 64, dtype=torch.bfloat16)
    classes = torch.zeros(1, 64, 64, dtype=torch.long)
    parts = training_loss(logits, None, batch_of(classes), LossConfig())
    assert parts.cross_entropy.dtype == torch.float32
    assert parts.cross_entropy == pytest.approx(math.log(4), rel=1e-6)
