"""The one place that imports albumentations: on import it would ask the network for a newer version."""

import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import albumentations as A  # noqa: E402, N812 - the setting must come first; A is albumentations' own convention

__all__ = ["A"]
