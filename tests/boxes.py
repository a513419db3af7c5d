"""Boxes one above the other, for tests of scores."""

import numpy as np


def bodies(*labels, gap=2, height=10):
    """Return a stack (1, rows, 8) of boxes one above the other, first label at the bottom."""
    stack = np.zeros((1, len(labels) * (height + gap), 8), int)
    for k, label in enumerate(reversed(labels)):
        stack[0, k * (height + gap) : k * (height + gap) + height] = label
    return stack
