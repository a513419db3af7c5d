"""Runs of `src/infer_volume.py` for tests: a network whose answer is known, two volumes, and the script."""

import sys

import torch
from load_script import load_script
from painted_spine import LPS, PIR, paint_volume, spec

from spider2d import cli
from spider2d.checkpoint import save_checkpoint
from spider2d.data.volume import write_volume
from spider2d.models.unet2d import build_network

SCRIPT = cli.PROJECT_ROOT / "src" / "infer_volume.py"
infer = load_script(SCRIPT)


def save_quiet_network(path):
    """Save a real network whose last layer says background everywhere: quick, and its answer is known."""
    plan = spec(offset_head=True, decoder_channels=(8, 8, 8, 8, 8), pixel_size_mm=1.6)
    network = build_network(plan)
    head = network.segmentation_head[0]
    torch.nn.init.zeros_(head.weight)
    with torch.no_grad():
        head.bias.copy_(torch.tensor([9.0, 0, 0, 0, 0, 0]))
    save_checkpoint(path, plan, network.state_dict(), {})
    return path


def write_two_volumes(folder):
    """Write two good volumes: oblique, one stored LPS as .mha, one PIR as .nii.gz."""
    write_volume(folder / "1_t1.mha", paint_volume(LPS)[0])
    write_volume(folder / "2_t2.nii.gz", paint_volume(PIR)[0])
    return folder


def run(*arguments):
    """Run the script's main in this process as the command line would; return the exit code."""
    return cli.run(infer.main, infer.parse_args([str(argument) for argument in arguments]))


def command(*arguments):
    """Return the command line of the script."""
    return [sys.executable, str(SCRIPT), *map(str, arguments)]


def visible(folder):
    """Return the names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())
