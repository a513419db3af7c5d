import pytest
import torch
from torch import nn

from spider2d.models.spec import ModelSpec
from spider2d.models.unet2d import build_network
from spider2d.training.cost import network_cost


def test_cost_of_one_convolution_by_hand():
    spec = ModelSpec(pixel_size_mm=0.6, channel_offsets_mm=(-4.0, 0.0, 4.0))
    cost = network_cost(nn.Conv2d(3, 5, 3, padding=1), spec, (33, 64))
    assert cost.slice_hw == (64, 64)  # padded to multiples of 32
    assert cost.parameters == 3 * 5 * 9 + 5
    assert cost.gmac_per_slice == pytest.approx(3 * 5 * 9 * 64 * 64 / 1e9)


def test_counting_leaves_the_network_as_it_is():
    network = build_network(ModelSpec(encoder="tu-test_efficientnet", pixel_size_mm=0.6)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network_cost(network, ModelSpec(pixel_size_mm=0.6), (64, 64))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
