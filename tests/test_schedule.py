import pytest
import torch
from torch import nn

from spider2d.training.schedule import build_optimiser, learning_rate, set_learning_rate
from spider2d.training.train_config import OptimiserConfig

CONFIG = OptimiserConfig(learning_rate=1.0, final_fraction=0.1, warmup_steps=4, weight_decay=0.5)


def test_warm_up_is_linear_and_starts_above_zero():
    assert [learning_rate(step, 100, CONFIG) for step in range(4)] == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_cosine_goes_from_the_peak_through_the_middle_to_the_final_fraction():
    assert learning_rate(4, 105, CONFIG) == pytest.approx(1.0)
    assert learning_rate(54, 105, CONFIG) == pytest.approx(0.55)
    assert learning_rate(104, 105, CONFIG) == pytest.approx(0.1)


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (1, 10), (2, 1), (5, 5)])
def test_short_trainings_have_positive_rates(steps, warmup):
    config = CONFIG.model_copy(update={"warmup_steps": warmup})
    assert all(0 < learning_rate(step, steps, config) <= 1 for step in range(steps))


def test_no_weight_decay_on_norms_and_biases():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    decayed, free = build_optimiser(network, CONFIG).param_groups
    assert decayed["weight_decay"] == 0.5
    assert decayed["params"] == [network[0].weight]
    assert free["weight_decay"] == 0.0
    assert {id(p) for p in free["params"]} == {id(p) for p in (network[0].bias, *network[1].parameters())}


def test_frozen_parameters_are_left_out():
    network = nn.Linear(2, 2)
    network.bias.requires_grad_(False)
    assert [len(group["params"]) for group in build_optimiser(network, CONFIG).param_groups] == [1, 0]


def test_rate_is_set_in_every_group():
    optimiser = build_optimiser(nn.Linear(2, 2), CONFIG)
    set_learning_rate(optimiser, 0.125)
    assert [group["lr"] for group in optimiser.param_groups] == [0.125, 0.125]
    assert isinstance(optimiser, torch.optim.AdamW)
