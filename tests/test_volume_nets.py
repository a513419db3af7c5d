import pytest
import torch

from spider2d.errors import MissingPackageError
from spider2d.models import volume_nets
from spider2d.models.build import build_network, fast_layout
from spider2d.models.volume_spec import Unet3dSpec, UnetrSpec
from spider2d.training.cost import WindowCost, network_cost

GRID = {"pixel_size_mm": 1.0, "slice_spacing_mm": 4.0}
SPECS = [
    Unet3dSpec(**GRID, patch_shw=(4, 32, 48), channels=(4, 4, 8)),
    Unet3dSpec(**GRID, patch_shw=(4, 32, 48), channels=(4, 4, 8), offset_head=False),
    UnetrSpec(**GRID, patch_shw=(16, 32, 48), feature_size=4, hidden_size=12, mlp_size=12, n_heads=2),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.architecture}-{spec.out_channels}")
def test_networks_keep_the_size_and_learn(spec):
    pytest.importorskip("monai")
    network = build_network(spec)
    images = torch.randn(2, 1, *spec.patch_shw)
    output = network(fast_layout(images))
    assert output.shape == (2, spec.out_channels, *spec.patch_shw)
    output.square().mean().backward()
    # Processes that train together wait for the gradient of every parameter that has requires_grad.
    learned = [p for p in network.parameters() if p.requires_grad]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in learned)


def test_slices_do_not_mix_where_they_are_far_apart():
    pytest.importorskip("monai")
    spec = Unet3dSpec(pixel_size_mm=0.5, slice_spacing_mm=8.0, patch_shw=(4, 16, 16), channels=(4, 4, 4))
    assert spec.kernels == [(1, 3, 3)] * 3
    torch.manual_seed(0)
    network, images = build_network(spec).eval(), torch.randn(1, 1, 4, 16, 16)
    changed = images.clone()
    changed[:, :, 3] += torch.randn(16, 16)
    # Only the instance norms, which look at the whole patch, carry anything over.
    for module in network.modules():
        if isinstance(module, torch.nn.InstanceNorm3d):
            module.forward = lambda x: x
    with torch.no_grad():
        first, second = network(images), network(changed)
    torch.testing.assert_close(first[:, :, :3], second[:, :, :3])
    assert not torch.allclose(first[:, :, 3], second[:, :, 3])


def test_missing_package_says_what_to_type(monkeypatch):
    def not_there(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(volume_nets, "import_module", not_there)
    for spec in (SPECS[0], SPECS[2]):
        with pytest.raises(MissingPackageError, match=r'MONAI.*pip install -e "\.\[baselines\]"'):
            build_network(spec)


def test_cost_of_one_3d_convolution_by_hand():
    network = torch.nn.Conv3d(1, 5, 3, padding=1)
    spec = Unet3dSpec(**GRID, patch_shw=(4, 32, 32), channels=(4, 4, 8), window_overlap=0.5)
    cost = network_cost(network, spec, (999, 999))
    assert cost == WindowCost(27 * 5 + 5, pytest.approx(27 * 5 * 4 * 32 * 32 / 1e9), (4, 32, 32))
