import json
import shutil

import pytest
from tiny_slices import tiny_config, write_slices
from tiny_volumes import tiny_volume_config

from spider2d.data.slice_dataset import SliceSamples
from spider2d.data.stack_dataset import VolumeSamples
from spider2d.data.synthetic_dataset import SyntheticSamples
from spider2d.errors import DatasetError
from spider2d.training.run_data import select_series, training_samples


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return write_slices(tmp_path_factory.mktemp("run_data"))


def test_training_can_be_thinned_to_a_few_series_without_touching_the_validation(slices):
    def select(count):
        return select_series(tiny_config(slices, data={"max_series": count}))

    everything, one = select(None), select(1)
    assert len(everything.training) == 3 and one.training == everything.training[:1]
    assert select(2).training == (everything.training[0], everything.training[2])
    assert select(99) == everything
    assert one.validation == everything.validation


def test_series_whose_masks_are_empty_are_left_out_of_training_and_validation(slices, tmp_path):
    copy = shutil.copytree(slices, tmp_path / "slices")
    before = select_series(tiny_config(copy))

    def blank(name):
        path = copy / name / "series.json"
        meta = json.loads(path.read_text())
        path.write_text(json.dumps(meta | {"slice_classes": [[] for _ in meta["slice_classes"]]}))

    blank(before.training[1])
    assert select_series(tiny_config(copy)).training == (before.training[0], before.training[2])
    blank(*before.validation)
    with pytest.raises(DatasetError, match="no labelled series in the subset 'validation'"):
        select_series(tiny_config(copy))


def test_samples_are_of_the_series_or_made_on_the_fly(slices):
    data = select_series(tiny_config(slices))
    samples = training_samples(tiny_config(slices), data)
    assert isinstance(samples, SliceSamples)
    assert [meta.name for meta in samples._metas] == list(data.training) != []
    volumes = training_samples(tiny_volume_config(slices), data)
    assert isinstance(volumes, VolumeSamples)
    assert [meta.name for meta in volumes._metas] == list(data.training)
    synthetic = tiny_config(slices, data={"synthetic": {"pool": 2}})
    of_phantoms = select_series(synthetic)
    assert of_phantoms.training == () and of_phantoms.validation == data.validation
    assert isinstance(training_samples(synthetic, of_phantoms), SyntheticSamples)
