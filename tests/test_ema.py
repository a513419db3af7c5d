import pytest
import torch
from torch import nn

from spider2d.training.ema import build_ema, ema_decay, update_ema


def test_average_by_hand():
    network = nn.Linear(1, 1)
    nn.init.constant_(network.weight, 2.0)
    average = build_ema(network)
    nn.init.constant_(network.weight, 6.0)
    update_ema(average, network, 0.75)
    assert average.weight.item() == pytest.approx(3.0)
    assert network.weight.item() == 6.0


def test_statistics_are_averaged_and_counters_copied():
    network = nn.BatchNorm1d(1)
    average = build_ema(network)
    network(torch.full((4, 1), 10.0))
    update_ema(average, network, 0.5)
    assert average.running_mean.item() == pytest.approx(0.5)  # the network's is 0.1 * 10
    assert average.num_batches_tracked.item() == 1


def test_average_is_apart_from_the_network():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    average = build_ema(network)
    assert not average.training
    assert network.training
    assert not any(p.requires_grad for p in average.parameters())
    assert all(p.requires_grad for p in network.parameters())


def test_decay_rises_to_its_final_value():
    decays = [ema_decay(step, 0.99) for step in (0, 10, 90, 10_000)]
    assert decays == pytest.approx([0.1, 11 / 20, 91 / 100, 0.99])
    assert ema_decay(10_000, 0.0) == 0.0
