import pytest
import segmentation_models_pytorch as smp
import torch

from spider2d.errors import ConfigError
from spider2d.models.spec import ModelSpec
from spider2d.models.unet2d import build_network, count_parameters, split_output

TINY = {"encoder": "tu-test_efficientnet", "decoder_channels": (16, 8, 8, 8, 8), "pixel_size_mm": 0.6}


@pytest.mark.parametrize("offsets_mm", [(0.0,), (-4.0, 0.0, 4.0)])
@pytest.mark.parametrize("offset_head", [True, False])
def test_shapes_for_odd_multiples_and_channels(offsets_mm, offset_head):
    spec = ModelSpec(**TINY, channel_offsets_mm=offsets_mm, offset_head=offset_head)
    output = build_network(spec)(torch.zeros(2, len(offsets_mm), 96, 32))
    assert output.shape == (2, 6 if offset_head else 4, 96, 32)
    logits, offsets = split_output(output, spec)
    assert logits.shape == (2, 4, 96, 32)
    assert (offsets is None) != offset_head
    if offset_head:
        assert torch.equal(torch.cat([logits, offsets], dim=1), output)


@pytest.mark.parametrize("encoder", ["tu-mobilenetv4_conv_small", "tu-regnety_002"])
def test_compact_encoders_stay_below_four_million_parameters(encoder):
    assert count_parameters(build_network(ModelSpec(encoder=encoder, pixel_size_mm=0.6))) < 4e6


def test_default_network_does_not_ask_the_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("tried to open a connection")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    build_network(ModelSpec(**TINY))


@pytest.mark.parametrize("encoder", ["tu-test_efficientnet", "resnet18"])
def test_encoder_weights_without_a_network_say_what_to_do(monkeypatch, encoder):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/nonexistent")
    with pytest.raises(ConfigError, match=r"cannot be fetched.*model\.encoder_weights=null"):
        build_network(ModelSpec(**TINY | {"encoder": encoder}), "imagenet")


def test_other_weights_of_timm_are_refused_instead_of_taking_the_usual_ones():
    with pytest.raises(ConfigError, match="no weights 'advprop'.*tu-regnety_002.TAG"):
        build_network(ModelSpec(encoder="tu-regnety_002", pixel_size_mm=1.0), "advprop")


def test_weights_are_asked_for_by_the_name_each_library_wants(monkeypatch):
    asked = []
    monkeypatch.setattr(smp, "Unet", lambda **kwargs: asked.append(kwargs["encoder_weights"]))
    for encoder, weights in [("resnet18", "imagenet"), ("tu-lcnet_035", "imagenet"), ("tu-lcnet_035", None)]:
        build_network(ModelSpec(**TINY | {"encoder": encoder}), weights)
    assert asked == ["imagenet", True, None]


@pytest.mark.parametrize("encoder", ["nothing", "tu-nothing", "tu-vit_tiny_patch16_224"])
def test_unusable_encoder_is_named(encoder):
    with pytest.raises(ConfigError, match=encoder):
        build_network(ModelSpec(**TINY | {"encoder": encoder}))


@pytest.mark.parametrize(
    "change",
    [
        {"encoder": "hf_hub:user/model"},
        {"decoder_channels": (16, 8)},
        {"decoder_channels": (16, 8, 8, 8, 0)},
        {"channel_offsets_mm": ()},
        {"pixel_size_mm": 0.0},
        {"class_names": ("background", "bone")},
        {"normalisation": "other"},
    ],
)
def test_impossible_spec_is_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        ModelSpec(**TINY | change)
