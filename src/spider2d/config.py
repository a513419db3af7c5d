"""Configuration: YAML gives the values, ``--set key.subkey=value`` wins, pydantic checks the whole.

Every configuration of the project is a `ConfigModel`. Wrong keys and wrong types are errors, never ignored:
a run whose learning rate was silently left at its default is worse than a run that did not start.
"""

import difflib
import json
import re
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from spider2d.atomic_write import write_text
from spider2d.errors import ConfigError

Model = typing.TypeVar("Model", bound=BaseModel)


class ConfigModel(BaseModel):
    """Base of every configuration section: refuses unknown keys, NaN and infinity; values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Loader(yaml.SafeLoader):
    """Safe YAML in which ``1e-3`` is a number (YAML 1.1 wants ``1.0e-3``) and a repeated key is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = sorted({str(key) for key in keys if keys.count(key) > 1})
        if repeated:
            raise yaml.constructor.ConstructorError(problem=f"the key {repeated[0]!r} occurs twice")
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def load_config(model_class: type[Model], path: Path | None, overrides: Sequence[str] = ()) -> Model:
    """Read a YAML file, apply the overrides and check the whole against a model.

    Args:
        model_class: The pydantic model of the whole configuration.
        path: YAML file with a mapping at its top; None for the model's defaults alone.
        overrides: Texts such as ``"optimiser.learning_rate=1e-3"``; the value is read as YAML, so
            ``[256, 192]``, ``true`` and ``null`` work. Later ones win.

    Returns:
        The checked configuration.

    Raises:
        ConfigError: The file is missing or not YAML, a key is unknown (the nearest valid one is named), or a
            value has the wrong type or range.
    """
    return check_config(model_class, read_tree(path, overrides), source=name_source(path))


def read_tree(path: Path | None, overrides: Sequence[str] = ()) -> dict:
    """Return the values of a YAML file (None: no values) with the overrides applied, not yet checked."""
    tree = {} if path is None else _read_yaml(path)
    for override in overrides:
        _apply_override(tree, override)
    return tree


def name_source(path: Path | None) -> str:
    """Return what messages call the configuration."""
    return "the configuration" if path is None else str(path)


def check_config(model_class: type[Model], tree: dict, source: str) -> Model:
    """Return `tree` as a checked model, or raise `ConfigError` naming `source` and every fault."""
    # By way of JSON, because pydantic's strict mode then takes lists for tuples and texts for paths while it
    # still refuses "abc" or 3.5 for an integer.
    text = json.dumps(tree, default=str)
    try:
        return model_class.model_validate_json(text, strict=True)
    except ValidationError as error:
        faults = "\n".join(f"  {_describe(fault, model_class)}" for fault in error.errors())
        raise ConfigError(f"{source} is not valid:\n{faults}") from error


def save_config(config: BaseModel, path: Path) -> None:
    """Write the configuration as YAML, atomically; `load_config` reads it back to the same values."""
    write_text(path, config_text(config))


def config_text(config: BaseModel) -> str:
    """Return the resolved configuration as YAML text, keys in the order of the model."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def dotted_keys(model_class: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every valid key of a model as ``section.key``, sections included."""
    for name, field in model_class.model_fields.items():
        yield prefix + name
        section = _section_of(field.annotation)
        if section is not None:
            yield from dotted_keys(section, f"{prefix}{name}.")


def _section_of(annotation: object) -> type[BaseModel] | None:
    """Return the model behind an annotation such as ``Section`` or ``Section | None``."""
    candidates = (annotation, *typing.get_args(annotation))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _read_yaml(path: Path) -> dict:
    if not path.is_file():
        raise ConfigError(f"{path}: no such configuration file; the ready ones are in experiments/*.yaml")
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {error}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: the file must hold 'key: value' lines, found a {type(tree).__name__}")
    return tree


def _apply_override(tree: dict, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {override}: write it as key.subkey=value")
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {override}: the value is not readable as YAML: {error}") from error
    *sections, last = key.strip().split(".")
    for name in sections:
        if not isinstance(tree.get(name), dict):
            tree[name] = {}
        tree = tree[name]
    tree[last] = value


def _describe(fault: dict, model_class: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "value_error":  # of a validator of ours, which names what it found in the section
        return f"{key}: {fault['ctx']['error']}" if key else str(fault["ctx"]["error"])
    if fault["type"] != "extra_forbidden":
        return f"{key}: {fault['msg']} (found {fault['input']!r})"
    nearest = _nearest_key(key, list(dotted_keys(model_class)))
    return f"{key}: no such key" + (f"; did you mean {nearest}?" if nearest else "")


def _nearest_key(key: str, valid_keys: list[str]) -> str | None:
    """Return the valid key most like `key`: by its full name, or else by its last part alone."""
    full = difflib.get_close_matches(key, valid_keys, n=1, cutoff=0.7)
    if full:
        return full[0]
    by_last_part = {valid.rpartition(".")[2]: valid for valid in reversed(valid_keys)}
    last = difflib.get_close_matches(key.rpartition(".")[2], list(by_last_part), n=1, cutoff=0.5)
    return by_last_part[last[0]] if last else None
