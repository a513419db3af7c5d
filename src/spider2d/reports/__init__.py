"""What a reader gets: the comparison of scored runs as tables, pictures, a page and TensorBoard events."""
