"""The rules about who may import whom, read from the source files."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
PACKAGE = SOURCE / "spider2d"

# From the foundation up: a module may import modules of its own rank and of lower ones.
RANKS = [
    {"errors", "labels", "cli", "config", "atomic_write", "cost_file"},
    {"data"},
    {"models", "checkpoint"},
    {"inference"},
    {"training"},
    {"evaluation", "reports", "baselines"},
]


def rank_of(module):
    """Return the rank of a dotted module name below ``spider2d``."""
    part = module.split(".")[1] if "." in module else "errors"  # the bare package holds only the version
    ranks = [rank for rank, parts in enumerate(RANKS) if part in parts]
    assert ranks, f"{module}: say in RANKS where it belongs"
    return ranks[0]


def module_name(path):
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(path):
    """Return the dotted names of everything a file imports, also inside functions."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # ``from spider2d import cli`` imports the module spider2d.cli.
            names += (
                [f"spider2d.{alias.name}" for alias in node.names]
                if node.module == "spider2d"
                else [node.module]
            )
    return names


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module):
    for name in imported_modules(MODULES[module]):
        if name.split(".")[0] == "spider2d" and name != "spider2d.__version__":
            assert rank_of(name) <= rank_of(module), f"{module} may not import {name}"


def test_the_rule_finds_a_violation():
    assert rank_of("spider2d.training.fit") > rank_of("spider2d.data.volume")
    assert "spider2d.cli" in imported_modules(
        Path(__file__).parents[1] / "preprocessing" / "check_dataset.py"
    )


def modules_loaded_by(*names):
    """Return the top-level packages that are loaded after importing modules in a fresh interpreter."""
    program = f"import sys, {', '.join(names)}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    return set(done.stdout.split())


def modules_below(*parts):
    prefixes = tuple(f"spider2d.{part}" for part in parts)
    return [module for module in MODULES if module.startswith(prefixes)]


def test_reading_phantom_and_scoring_load_no_torch():
    modules = modules_below("data.volume", "data.spider", "data.integrity", "data.phantom", "evaluation")
    assert len(modules) > 5
    assert not modules_loaded_by(*modules) & {"torch", "segmentation_models_pytorch", "albumentations"}


def test_training_loads_no_simpleitk():
    assert "SimpleITK" not in modules_loaded_by(*modules_below("training"))
