import pytest
import torch

from spider2d.errors import ConfigError
from spider2d.models.feature_mix import add_feature_mix, mix_statistics
from spider2d.models.spec import ModelSpec
from spider2d.models.unet2d import build_network

IMAGES = torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(1))


def network_with(probability, encoder="tu-mobilenetv4_conv_small"):
    torch.manual_seed(0)
    network = build_network(ModelSpec(encoder=encoder, pixel_size_mm=1.0))
    add_feature_mix(network, probability)
    return network


def test_statistics_are_a_mixture_and_the_pattern_stays():
    torch.manual_seed(3)
    shift, scale = torch.tensor([0.0, 10, 20, 30])[:, None, None, None], 2.0
    features = scale * torch.randn(4, 2, 50, 50) + shift
    mixed = mix_statistics(features)
    assert ((mixed.mean((2, 3)) > -1) & (mixed.mean((2, 3)) < 31)).all()
    assert (
        mixed.mean((2, 3)) - features.mean((2, 3))
    ).abs().max() > 5  # some have taken another's brightness
    pattern, before = (x - x.mean((2, 3), keepdim=True) for x in (mixed, features))
    torch.testing.assert_close(
        pattern / pattern.std((2, 3), keepdim=True), before / before.std((2, 3), keepdim=True)
    )


def test_features_without_any_contrast_stay_finite():
    assert torch.isfinite(mix_statistics(torch.ones(2, 3, 1, 1))).all()


def test_only_training_is_changed_and_no_weight_is_added():
    plain, mixing = network_with(0.0), network_with(1.0)
    assert mixing.state_dict().keys() == plain.state_dict().keys()
    with torch.no_grad():
        torch.testing.assert_close(mixing.eval()(IMAGES), plain.eval()(IMAGES))
        torch.manual_seed(5)
        in_training = mixing.train()(IMAGES)
        assert (in_training - plain.train()(IMAGES)).abs().max() > 1e-3


def test_an_encoder_without_stages_is_refused():
    with pytest.raises(ConfigError, match="feature_mix"):
        network_with(0.5, encoder="mobilenet_v2")
