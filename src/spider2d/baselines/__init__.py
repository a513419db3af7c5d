"""Methods to compare with: nnU-Net by its own package (the 3D networks of MONAI are in `spider2d.models`)."""
