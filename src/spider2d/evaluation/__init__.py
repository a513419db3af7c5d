"""3D scores: surface metrics, the SPIDER score, summaries."""
