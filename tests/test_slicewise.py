import numpy as np
import pytest
import torch
from painted_spine import LEVELS, ReadsIntensities, spec

from spider2d.errors import ConfigError
from spider2d.inference.slicewise import choose_device, choose_precision, predict_slices


class Conv(torch.nn.Module):
    """A small real network: context, batch statistics, offsets."""

    def __init__(self, channels=1, outputs=6):
        super().__init__()
        torch.manual_seed(3)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(channels, 8, 5, padding=2),
            torch.nn.BatchNorm2d(8),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, outputs, 3, padding=1),
        )

    def forward(self, images_nchw):
        assert images_nchw.shape[-1] % 32 == 0 and images_nchw.shape[-2] % 32 == 0
        return self.layers(images_nchw)


class Records(torch.nn.Module):
    """Keeps its inputs and answers with constant logits (0, 1, 2, 3) and raw offsets (0.5, -2)."""

    def __init__(self):
        super().__init__()
        self.inputs = []

    def forward(self, images_nchw):
        self.inputs.append(images_nchw.clone())
        n, _, height, width = images_nchw.shape
        values = torch.tensor([0.0, 1.0, 2.0, 3.0, 0.5, -2.0])
        return values[None, :, None, None].expand(n, 6, height, width)


class PointsAtTheCentre(torch.nn.Module):
    """Answers with the vector (in 10 mm) from each pixel to the centre of the picture it is given."""

    def forward(self, images_nchw):
        n, _, height, width = images_nchw.shape
        rows = ((height - 1) / 2 - torch.arange(height)) * 0.8 / 10
        columns = ((width - 1) / 2 - torch.arange(width)) * 0.8 / 10
        offsets = torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(n, 2, height, width)
        return torch.cat([torch.zeros(n, 4, height, width), offsets], dim=1)


def random_stack(shape=(7, 45, 67)):
    return np.random.default_rng(0).uniform(0, 2, shape).astype(np.float32)


def collect(*args, **options):
    batches = list(predict_slices(*args, **options))
    indices = [index for batch in batches for index in batch.slice_indices]
    assert indices == list(range(len(indices)))
    probabilities = torch.cat([batch.probabilities for batch in batches]).numpy()
    if batches[0].offsets_mm is None:
        return probabilities, None
    return probabilities, torch.cat([batch.offsets_mm for batch in batches]).numpy()


def test_every_pixel_of_odd_slices_gets_its_own_answer():
    stack = np.random.default_rng(0).choice(np.array(LEVELS, np.float32), (5, 33, 71))
    probabilities, offsets = collect(ReadsIntensities(), stack, 4.0, spec(), 2)
    assert probabilities.shape == (5, 4, 33, 71) and offsets is None
    np.testing.assert_array_equal(probabilities.argmax(axis=1), np.rint(stack * 3))


def test_probabilities_are_those_of_the_logits_and_sum_to_one():
    probabilities, _ = collect(Records(), random_stack(), 4.0, spec(offset_head=True), 3)
    expected = np.exp(np.arange(4.0)) / np.exp(np.arange(4.0)).sum()
    assert np.allclose(probabilities, expected[:, None, None], atol=1e-6)


def test_offsets_are_in_millimetres():
    _, offsets = collect(Records(), random_stack(), 4.0, spec(offset_head=True), 3)
    assert offsets.shape == (7, 2, 45, 67)
    assert (offsets[:, 0] == 5).all() and (offsets[:, 1] == -20).all()


@pytest.mark.parametrize("augmented", [False, True])
def test_the_batch_size_does_not_matter(augmented):
    network = Conv(channels=3).eval()
    plan = spec(offset_head=True, channel_offsets_mm=(-4, 0, 4))
    results = [
        collect(network, random_stack(), 4.0, plan, batch_size, test_time_augmentation=augmented)
        for batch_size in (1, 3, 100)
    ]
    for probabilities, offsets in results[1:]:
        assert np.allclose(probabilities, results[0][0], atol=1e-5)
        assert np.allclose(offsets, results[0][1], atol=1e-3)


def test_a_single_slice_is_a_whole_volume():
    probabilities, _ = collect(
        Conv(channels=3, outputs=4).eval(), random_stack((1, 32, 9)), 1.0, spec_25d(), 4
    )
    assert probabilities.shape == (1, 4, 32, 9)


def spec_25d():
    return spec(channel_offsets_mm=(-4, 0, 4))


def test_channels_are_the_slices_at_that_distance_and_the_last_one_beyond_the_ends():
    stack = np.arange(5, dtype=np.float32)[:, None, None].repeat(32, 1).repeat(32, 2)
    network = Records()
    collect(network, stack, 2.0, spec(offset_head=True, channel_offsets_mm=(-4, 0, 4)), 5)
    channels = network.inputs[0][:, :, 0, 0].tolist()
    assert channels == [[0, 0, 2], [0, 1, 3], [0, 2, 4], [1, 3, 4], [2, 4, 4]]


def test_padding_holds_the_floor_of_normalised_images():
    network = Records()
    collect(network, np.ones((1, 33, 31), np.float32), 4.0, spec(offset_head=True), 1)
    (image,) = network.inputs[0].numpy()[0]
    assert image.shape == (64, 32) and image.sum() == 33 * 31


def test_augmentation_of_a_constant_network_changes_nothing():
    plan = spec(offset_head=True, channel_offsets_mm=(-4, 0, 4))
    plain = collect(Records(), random_stack(), 4.0, plan, 2)[0]
    augmented = collect(Records(), random_stack(), 4.0, plan, 2, test_time_augmentation=True)[0]
    assert np.allclose(augmented, plain, atol=1e-6)


class CountsItsCalls(torch.nn.Module):
    """Is sure of class k % 4 in its k-th call, and points k rows down."""

    def __init__(self):
        super().__init__()
        self.n_calls = 0

    def forward(self, images_nchw):
        values = torch.full((6,), -100.0)
        values[self.n_calls % 4], values[4], values[5] = 100.0, float(self.n_calls), 0.0
        self.n_calls += 1
        n, _, height, width = images_nchw.shape
        return values[None, :, None, None].expand(n, 6, height, width)


def test_augmentation_averages_over_all_variants():
    plan = spec(offset_head=True)
    stack = random_stack((1, 320, 320))  # large: all scales but whole multiples are near
    probabilities, _ = collect(CountsItsCalls(), stack, 4.0, plan, 1, test_time_augmentation=True)
    # Seven variants, numbers 0 to 6: classes 0, 1 and 2 twice, class 3 once.
    np.testing.assert_allclose(probabilities[0, :, 160, 160], np.array([2, 2, 2, 1]) / 7, atol=1e-6)


def test_augmentation_shows_contrast_scale_and_mirrored_channels_and_nothing_flipped():
    stack = np.zeros((3, 64, 96), np.float32)
    stack[:, :, 0] = 1.0  # the anterior edge
    stack *= np.array([0.5, 1.0, 1.5], np.float32)[:, None, None]
    network = Records()
    plan = spec(offset_head=True, channel_offsets_mm=(-4, 0, 4))
    collect(network, stack, 4.0, plan, 3, test_time_augmentation=True)
    plain, dark, bright, *scaled, mirrored = network.inputs
    torch.testing.assert_close(mirrored, plain.flip(1))
    assert 0 < bright[0, 1].max() < plain[0, 1].max() < dark[0, 1].max()  # 0.5 to the powers 1.33, 1, 0.75
    # The multiples of 32 nearest to 0.8, 0.9, 1.1 and 1.2 times the size.
    assert [image.shape[-2:] for image in scaled] == [(64, 64), (64, 96), (64, 96), (64, 128)]
    assert all(image[..., 0].sum() > 0 and image[..., -1].sum() == 0 for image in network.inputs)


def test_plain_2d_has_no_mirrored_variant():
    network = Records()
    collect(network, random_stack(), 4.0, spec(offset_head=True), 7, test_time_augmentation=True)
    assert len(network.inputs) == 7


def test_scaled_variants_bring_offsets_back_to_true_millimetres():
    stack = random_stack((1, 320, 224))
    plan = spec(offset_head=True)
    plain = collect(PointsAtTheCentre(), stack, 4.0, plan, 1)[1]
    augmented = collect(PointsAtTheCentre(), stack, 4.0, plan, 1, test_time_augmentation=True)[1]
    assert plain[0, 0, 0, 0] == pytest.approx(319 / 2 * 0.8)
    inside = (..., slice(2, -2), slice(2, -2))
    assert np.abs(augmented - plain)[inside].max() < 0.05


def test_bf16_gives_nearly_the_same_probabilities_in_float32():
    network = Conv(outputs=4).eval()
    exact = collect(network, random_stack(), 4.0, spec(), 4)[0]
    fast = collect(network, random_stack(), 4.0, spec(), 4, precision="bf16")[0]
    assert fast.dtype == np.float32
    assert 0 < np.abs(fast - exact).max() < 0.02


def test_wanted_precision_and_device_are_kept():
    assert choose_precision("fp32", "cpu") == "fp32"
    assert choose_precision("bf16", "cpu") == "bf16"
    assert choose_precision("auto", "cpu") in ("fp32", "bf16")
    assert choose_device("cpu") == "cpu"


def test_cuda_without_gpu_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    with pytest.raises(ConfigError, match="auto or cpu"):
        choose_device("cuda")
