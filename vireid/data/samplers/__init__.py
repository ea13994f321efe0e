"""Batch samplers: the rows of a batch, as a function of seed, rank, epoch and position."""
