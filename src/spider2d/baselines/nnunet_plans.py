"""Plans of nnU-Net with a narrower network, for computers without a GPU, and how readers are told of it.

nnU-Net's documented way to change a network is to edit a copy of the plans file under another name.
"""

import json
from pathlib import Path

from spider2d import cli
from spider2d.atomic_write import write_text
from spider2d.errors import DatasetError

STOCK_PLANS, OWN_PLANS = "nnUNetPlans", "spider2dPlans"
STOCK_BASE_FEATURES, STOCK_STEP_SIZE = 32, 0.5
"""What nnU-Net takes by itself: channels of the finest level, and windows that overlap by half, mirrored."""


def network_title(configuration: str, plans: str) -> str:
    """Return the name of a network for readers, with its base features where they are not nnU-Net's own."""
    features = STOCK_BASE_FEATURES if plans == STOCK_PLANS else int(plans.removeprefix(f"{OWN_PLANS}_"))
    width = "" if features == STOCK_BASE_FEATURES else f", {features} of {STOCK_BASE_FEATURES} base features"
    return f"nnU-Net {configuration}{width}"


def inference_title(title: str, mirroring: bool, step_size: float) -> str:
    """Return a network's name with what of its inference is not as nnU-Net does it by itself."""
    apart = "" if step_size == STOCK_STEP_SIZE else f", windows {step_size:g} of a window apart"
    return f"{title}{apart}{'' if mirroring else ', not mirrored'}"


def write_own_plans(preprocessed: Path, base_features: int) -> str:
    """Write a copy of nnU-Net's plans whose networks are narrower; return its name.

    Args:
        preprocessed: The data set's folder below nnUNet_preprocessed, with nnU-Net's own plans.
        base_features: Channels of the finest level; all levels are scaled in proportion.

    Raises:
        DatasetError: There are no plans yet.
    """
    path = preprocessed / f"{STOCK_PLANS}.json"
    if not path.is_file():
        work = cli.quoted(preprocessed.parents[1])
        raise DatasetError(f"{path}: no plans. Run first: python src/run_nnunet.py train --work {work}")
    plans = json.loads(path.read_text(encoding="utf-8"))
    name = f"{OWN_PLANS}_{base_features}"
    plans["plans_name"] = name
    for configuration in plans["configurations"].values():
        network = configuration.get("architecture", {}).get("arch_kwargs")
        if network:
            widest = network["features_per_stage"]
            network["features_per_stage"] = [max(1, n * base_features // widest[0]) for n in widest]
    write_text(preprocessed / f"{name}.json", json.dumps(plans, indent=1))
    return name
