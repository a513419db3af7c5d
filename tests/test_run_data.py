import pytest
from tiny_slices import tiny_config, write_slices

from spider2d.data.slice_dataset import SliceSamples
from spider2d.data.synthetic_dataset import SyntheticSamples
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


def test_samples_are_of_the_series_or_made_on_the_fly(slices):
    data = select_series(tiny_config(slices))
    assert isinstance(training_samples(tiny_config(slices), data), SliceSamples)
    synthetic = tiny_config(slices, data={"synthetic": {"pool": 2}})
    of_phantoms = select_series(synthetic)
    assert of_phantoms.training == () and of_phantoms.validation == data.validation
    assert isinstance(training_samples(synthetic, of_phantoms), SyntheticSamples)
