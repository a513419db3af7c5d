"""What the 2D network is compared with: published figures, and nnU-Net by its own package.

The 3D networks of MONAI are in `spider2d.models`, trained like the 2D one.
"""
