from pathlib import Path

import pytest
from pydantic import Field, model_validator

from spider2d.config import ConfigModel, config_text, load_config, save_config
from spider2d.errors import ConfigError


class Inner(ConfigModel):
    learning_rate: float = 0.5
    steps: int = Field(default=3, ge=1)
    name: str | None = None


class Outer(ConfigModel):
    folder: Path = Path("data")
    size: tuple[int, int] = (4, 6)
    flag: bool = False
    inner: Inner = Inner()
    optional: Inner | None = None


def load(tmp_path, text="", *overrides):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return load_config(Outer, path, overrides)


def test_yaml_gives_values_and_overrides_win(tmp_path):
    config = load(tmp_path, "inner:\n  steps: 7\n  name: x\nsize: [1, 2]\n", "inner.steps=9", "folder=a/b")
    assert (config.inner.steps, config.inner.name, config.size) == (9, "x", (1, 2))
    assert config.folder == Path("a/b")
    assert config.inner.learning_rate == 0.5


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", ".001", "1E-3"])
def test_scientific_notation_is_a_number(tmp_path, text):
    assert load(tmp_path, "", f"inner.learning_rate={text}").inner.learning_rate == pytest.approx(1e-3)


def test_overrides_are_yaml(tmp_path):
    config = load(tmp_path, "", "size=[8, 9]", "flag=true", "inner.name=null", "optional.steps=2")
    assert (config.size, config.flag, config.inner.name, config.optional.steps) == ((8, 9), True, None, 2)


def test_no_file_gives_the_defaults():
    assert load_config(Outer, None) == Outer()


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("inner.learning_rte=1", "inner.learning_rate"),
        ("learning_rate=1", "inner.learning_rate"),
        ("flagg=true", "flag"),
        ("optional.stepz=2", "optional.steps"),
    ],
)
def test_unknown_key_names_the_nearest(tmp_path, override, nearest):
    with pytest.raises(ConfigError, match=f"no such key; did you mean {nearest}\\?"):
        load(tmp_path, "", override)


def test_unknown_key_far_from_every_key_gets_no_advice(tmp_path):
    with pytest.raises(ConfigError, match="xyzzy: no such key$"):
        load(tmp_path, "xyzzy: 1")


@pytest.mark.parametrize(
    "override",
    [
        "inner.learning_rate=abc",
        "inner.learning_rate=.nan",
        "inner.learning_rate=.inf",
        "inner.steps=3.5",
        "inner.steps=true",
        "inner.steps='3'",
        "inner.steps=0",
        "inner=3",
        "flag=1",
        "flag=maybe",
        "size=[1]",
        "size=7",
        "folder=[a]",
    ],
)
def test_wrong_type_or_range_is_refused_and_named(tmp_path, override):
    with pytest.raises(ConfigError, match=rf"(?s)c\.yaml is not valid.*{override.partition('=')[0]}"):
        load(tmp_path, "", override)


def test_a_rule_of_a_section_is_told_in_its_own_words(tmp_path):
    class Pair(ConfigModel):
        low: int = 0
        high: int = 1

        @model_validator(mode="after")
        def _ordered(self):
            if self.low > self.high:
                raise ValueError(f"low = {self.low} is above high = {self.high}")
            return self

    class Whole(ConfigModel):
        pair: Pair = Pair()

    path = tmp_path / "c.yaml"
    path.write_text("pair: {low: 3}")
    with pytest.raises(ConfigError, match=r"is not valid:\n  pair: low = 3 is above high = 1$"):
        load_config(Whole, path)
    path.write_text("low: 3")
    with pytest.raises(ConfigError, match=r"is not valid:\n  low = 3 is above high = 1$"):
        load_config(Pair, path)


def test_all_faults_are_reported_at_once(tmp_path):
    with pytest.raises(ConfigError, match="(?s)inner.steps.*flagg|flagg.*inner.steps"):
        load(tmp_path, "flagg: true", "inner.steps=a")


@pytest.mark.parametrize("override", ["inner.steps", "=3", "size=[1,"])
def test_override_without_key_or_value_is_refused(tmp_path, override):
    with pytest.raises(ConfigError, match="--set"):
        load(tmp_path, "", override)


@pytest.mark.parametrize(
    "text", ["- 1\n- 2\n", "words", "a: [1", "flag: true\nflag: true\n", "a: !!python/x"]
)
def test_not_a_mapping_or_not_yaml_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match="c.yaml"):
        load(tmp_path, text)


def test_binary_file_is_refused(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ConfigError, match="not readable as YAML"):
        load_config(Outer, path)


def test_missing_file_names_where_configurations_are(tmp_path):
    with pytest.raises(ConfigError, match="experiments"):
        load_config(Outer, tmp_path / "none.yaml")


def test_saved_config_reads_back_the_same(tmp_path):
    config = Outer(inner=Inner(learning_rate=1e-7, steps=5), folder=Path("x/y"))
    save_config(config, tmp_path / "runs" / "config.yaml")
    assert load_config(Outer, tmp_path / "runs" / "config.yaml") == config
    assert "folder: x/y" in config_text(config)


def test_values_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        Outer().flag = True
