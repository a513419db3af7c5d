import pytest

from spider2d.errors import ConfigError
from spider2d.training.train_config import load_train_config


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["data.empty_fraction=0.5", "data.beside_bodies_fraction=0.6"], "their sum is at most 1"),
        (["data.synthetic={}", "data.max_series=3"], "max_series says nothing"),
        (["augment.scale=[1.2,0.8]"], "smaller factor must stand first"),
        (["seed=-1"], "seed.*greater than or equal to 0"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(overrides, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_train_config(None, overrides)


def test_shares_that_leave_nothing_for_other_slices_are_allowed():
    config = load_train_config(None, ["data.empty_fraction=0.4", "data.beside_bodies_fraction=0.6"])
    assert config.data.beside_bodies_fraction == 0.6
