"""Synthetic lumbar spines with known answers: anatomy, rendering and files as SPIDER stores them.

Everything is deterministic in the seed. All positions are in ``sra`` millimetres: right, inferior (down),
posterior, with the origin at the centre of the sacrum's upper endplate.
"""
