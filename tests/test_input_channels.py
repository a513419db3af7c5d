import torch
from tiny_slices import tiny_config, write_slices

from spider2d.checkpoint import load_checkpoint
from spider2d.models.input_channels import fit_input_channels
from spider2d.models.spec import ModelSpec
from spider2d.models.unet2d import build_network
from spider2d.training.distributed import Process
from spider2d.training.fit import fit
from spider2d.training.interrupt import StopRequest

CPU = Process(0, 1, torch.device("cpu"))
NEIGHBOURS_MM = (-4.0, 0.0, 4.0)


def tiny_network(offsets_mm):
    torch.manual_seed(len(offsets_mm))
    tiny = {"encoder": "tu-test_efficientnet", "decoder_channels": (16, 8, 8, 8, 8), "pixel_size_mm": 0.6}
    return build_network(ModelSpec(**tiny, channel_offsets_mm=offsets_mm)).eval()


def changed(offsets_there_mm, offsets_here_mm):
    """A network, and one with other channels that took its weights."""
    there, here = tiny_network(offsets_there_mm), tiny_network(offsets_here_mm)
    here.load_state_dict(fit_input_channels(there.state_dict(), here, offsets_there_mm, offsets_here_mm))
    return there, here


def test_neighbours_have_no_weight_at_first():
    single, several = changed((0.0,), NEIGHBOURS_MM)
    images = torch.rand(2, 3, 64, 32)
    torch.testing.assert_close(several(images), single(images[:, 1:2]))
    with torch.no_grad():
        first = next(module for module in several.modules() if isinstance(module, torch.nn.Conv2d))
        first.weight[:, 0] += 0.1  # so the neighbours are there to be learnt
    assert not torch.allclose(several(images), single(images[:, 1:2]))


def test_a_network_of_single_slices_sees_what_the_other_sees_in_three_equal_ones():
    several, single = changed(NEIGHBOURS_MM, (0.0,))
    images = torch.rand(2, 1, 64, 32)
    torch.testing.assert_close(single(images), several(images.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)


def test_other_channels_are_left_as_they_are():
    state = tiny_network(NEIGHBOURS_MM).state_dict()
    for offsets_mm in [(-3.0, 0.0, 3.0), (-3.0, 3.0)]:
        assert fit_input_channels(state, tiny_network(offsets_mm), NEIGHBOURS_MM, offsets_mm) is state
    single = tiny_network((0.0,)).state_dict()
    assert fit_input_channels(single, tiny_network((-3.0, 3.0)), (0.0,), (-3.0, 3.0)) is single


def test_a_network_of_single_slices_starts_one_with_neighbours(tmp_path, capsys):
    slices, one_step = write_slices(tmp_path), {"steps": 1}
    fit(tiny_config(slices, training=one_step), tmp_path / "single", CPU, StopRequest())
    init, data = str(tmp_path / "single" / "best.pt"), {"channel_offsets_mm": [-4, 0, 4]}
    fit(
        tiny_config(slices, training=one_step, init=init, data=data), tmp_path / "several", CPU, StopRequest()
    )
    assert load_checkpoint(tmp_path / "several" / "best.pt").spec.dimension == "2.5D"
    assert "channel_offsets_mm: (0.0,) there, (-4.0, 0.0, 4.0) here" in capsys.readouterr().out
