import pytest
import torch
from torch import nn

from spider2d.checkpoint import load_network, load_predictor, save_checkpoint
from spider2d.models.fold_norms import fold_norms
from spider2d.models.spec import ModelSpec
from spider2d.models.unet2d import build_network


def small_spec(encoder):
    return ModelSpec(encoder=encoder, decoder_channels=(16, 8, 8, 8, 8), pixel_size_mm=0.75)


def trained_network(spec):
    """Return a network in evaluation mode whose norms do something: random statistics and weights."""
    torch.manual_seed(0)
    network = build_network(spec).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return network


def count_norms(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_a_norm_becomes_weights_and_bias():
    conv, norm = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0.0)
    for tensor, value in (
        (conv.weight, 2.0),
        (conv.bias, 1.0),
        (norm.running_mean, 3.0),
        (norm.running_var, 4.0),
        (norm.weight, 5.0),
        (norm.bias, 7.0),
    ):
        nn.init.constant_(tensor, value)
    network = nn.Sequential(conv, norm, nn.ReLU()).eval()
    assert fold_norms(network) == 1
    # (2 x + 1 - 3) / 2 * 5 + 7 = 5 x + 2
    assert network[0].weight.item() == 5 and network[0].bias.item() == 2
    assert isinstance(network[1], nn.Identity) and isinstance(network[2], nn.ReLU)


# The regnet's norms all follow convolutions; of the efficientnet those of the decoder are certain to.
@pytest.mark.parametrize(("encoder", "left"), [("tu-regnety_002", 0), ("tu-test_efficientnet", None)])
def test_the_output_stays(encoder, left):
    network = trained_network(small_spec(encoder))
    image = torch.randn(2, 1, 64, 96)
    with torch.inference_mode():
        before, n_norms = network(image), count_norms(network)
        n_folded = fold_norms(network)
        torch.testing.assert_close(network(image), before, rtol=1e-4, atol=1e-4)
    assert n_folded >= 10 and count_norms(network) == n_norms - n_folded
    assert left is None or count_norms(network) == left


class Backwards(nn.Sequential):
    def forward(self, image):
        return self[0](self[1](image))


@pytest.mark.parametrize(
    "network",
    [
        Backwards(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)),
        nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)),
        nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.BatchNorm2d(3)),
        nn.Sequential(nn.Conv2d(3, 3, 1), nn.InstanceNorm2d(3)),
        nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False)),
    ],
)
def test_norms_that_do_not_follow_a_convolution_or_go_by_the_image_stay(network):
    before = str(network)
    assert fold_norms(network.eval()) == 0
    assert str(network) == before


def test_a_network_in_training_is_refused():
    with pytest.raises(ValueError, match="evaluation mode"):
        fold_norms(nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)))


def test_a_predictor_is_folded_and_lies_in_the_fast_layout(tmp_path):
    spec = small_spec("tu-regnety_002")
    save_checkpoint(tmp_path / "best.pt", spec, trained_network(spec).state_dict(), {})
    network, _, _ = load_network(tmp_path / "best.pt")
    predictor, predictor_spec = load_predictor(tmp_path / "best.pt")
    assert predictor_spec == spec and not predictor.training
    assert count_norms(network) > 0 and count_norms(predictor) == 0
    weights = [module.weight for module in predictor.modules() if isinstance(module, nn.Conv2d)]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)
    image = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(predictor(image), network(image), rtol=1e-4, atol=1e-4)
