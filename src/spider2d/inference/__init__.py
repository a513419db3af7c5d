"""From a volume to labelled instances: slice-wise prediction, restacking, instances."""
