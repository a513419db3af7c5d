"""The training loop and its tracking."""
