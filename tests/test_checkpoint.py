import os
import pickle
import zipfile

import pytest
import torch

from spider2d.checkpoint import FORMAT_VERSION, load_checkpoint, load_network, save_checkpoint
from spider2d.errors import CheckpointError
from spider2d.models.spec import ModelSpec
from spider2d.models.unet2d import build_network

SPEC = ModelSpec(
    encoder="tu-test_efficientnet", decoder_channels=(16, 8, 8, 8, 8), pixel_size_mm=0.75, offset_head=False
)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_network(SPEC).eval()


@pytest.fixture(scope="module")
def saved(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "run" / "best.pt"
    save_checkpoint(path, SPEC, network.state_dict(), {"step": 12, "dice": {"disc": 0.5}})
    return path


def test_network_is_rebuilt_with_the_same_output(network, saved):
    image = torch.randn(2, 1, 32, 64)
    rebuilt, spec, info = load_network(saved)
    assert spec == SPEC
    assert info == {"step": 12, "dice": {"disc": 0.5}}
    assert not rebuilt.training
    with torch.no_grad():
        assert torch.equal(rebuilt(image), network(image))


def test_training_state_travels(network, tmp_path):
    training = {"step": 3, "moments": [torch.arange(4.0)], "best": None}
    save_checkpoint(tmp_path / "last.pt", SPEC, network.state_dict(), {}, training)
    loaded = load_checkpoint(tmp_path / "last.pt").training
    assert loaded["step"] == 3
    assert torch.equal(loaded["moments"][0], torch.arange(4.0))


def test_inference_checkpoint_has_no_training_state(saved):
    assert load_checkpoint(saved).training is None


def test_failed_writing_leaves_the_old_file_and_no_rubbish(saved, monkeypatch):
    before = saved.read_bytes()

    def full_disk(content, file):
        file.write(b"half")
        raise RuntimeError("write failed: no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(saved, SPEC, {}, {})
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["best.pt"]


def test_folder_that_is_a_file_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(tmp_path / "file" / "best.pt", SPEC, {}, {})


def test_missing_checkpoint_names_the_command(tmp_path):
    with pytest.raises(CheckpointError, match=r"no such checkpoint.*src/train.py"):
        load_checkpoint(tmp_path / "best.pt")


@pytest.mark.parametrize("kept", [0, 1, 10, 1000, -1, -30])
def test_truncated_file_is_refused(saved, tmp_path, kept):
    path = tmp_path / "cut.pt"
    path.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="cut.pt"):
        load_checkpoint(path)


@pytest.mark.parametrize("part", [0.01, 0.5, 0.97, 0.999])
def test_damaged_bytes_are_refused(saved, tmp_path, part):
    content = bytearray(saved.read_bytes())
    start = int(part * len(content))
    content[start : start + 64] = b"\xa5" * 64
    path = tmp_path / "damaged.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        load_network(path)


@pytest.mark.parametrize("content", [b"not a checkpoint", b"\x80\x05.", pickle.dumps({"a": 1})])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        load_checkpoint(path)


def test_other_archives_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    torch.save({"weights": torch.zeros(2)}, tmp_path / "b.pt")
    torch.save([1, 2], tmp_path / "c.pt")
    for name in ("a.pt", "b.pt", "c.pt"):
        with pytest.raises(CheckpointError, match="not a checkpoint of spider2d"):
            load_checkpoint(tmp_path / name)


def test_other_version_is_refused(saved, tmp_path):
    content = torch.load(saved, weights_only=True) | {"version": FORMAT_VERSION + 1}
    torch.save(content, tmp_path / "new.pt")
    with pytest.raises(CheckpointError, match=f"format version {FORMAT_VERSION + 1}"):
        load_checkpoint(tmp_path / "new.pt")


class Malicious:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (os.mkdir, (str(self.target),))


def test_code_in_the_file_is_not_executed(saved, tmp_path):
    target = tmp_path / "executed"
    content = torch.load(saved, weights_only=True) | {"info": Malicious(target)}
    torch.save(content, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="more than plain values") as error:
        load_checkpoint(tmp_path / "evil.pt")
    assert not target.exists()
    assert "weights_only" not in str(error.value)  # torch advises to load the file without protection


@pytest.mark.parametrize(
    "change",
    [
        {"encoder": "hf_hub:someone/something"},
        {"pixel_size_mm": -1.0},
        {"architecture": "other"},
        {"class_names": ["background", "tumour"]},
        {"extra": 1},
    ],
)
def test_impossible_description_is_refused(saved, tmp_path, change):
    content = torch.load(saved, weights_only=True)
    content["spec"] |= change
    torch.save(content, tmp_path / "odd.pt")
    with pytest.raises(CheckpointError, match="odd.pt"):
        load_checkpoint(tmp_path / "odd.pt")


def test_missing_part_is_refused(saved, tmp_path):
    content = torch.load(saved, weights_only=True)
    del content["network"]
    torch.save(content, tmp_path / "part.pt")
    with pytest.raises(CheckpointError, match="incomplete"):
        load_checkpoint(tmp_path / "part.pt")


def test_weights_of_another_network_are_refused(network, tmp_path):
    save_checkpoint(
        tmp_path / "mixed.pt", SPEC.model_copy(update={"offset_head": True}), network.state_dict(), {}
    )
    with pytest.raises(CheckpointError, match="do not fit"):
        load_network(tmp_path / "mixed.pt")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(network, tmp_path, bad):
    state = {name: weights.clone() for name, weights in network.state_dict().items()}
    next(iter(state.values())).view(-1)[0] = bad
    save_checkpoint(tmp_path / "bad.pt", SPEC, state, {})
    with pytest.raises(CheckpointError, match="NaN or infinite"):
        load_network(tmp_path / "bad.pt")
