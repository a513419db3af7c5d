"""spider2d: lumbar-spine MRI segmentation with a compact 2D U-Net, scored in 3D."""

__version__ = "0.1.0"
