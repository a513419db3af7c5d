"""Volumes, SPIDER folders, the phantom, slices on disk and their augmentation."""
