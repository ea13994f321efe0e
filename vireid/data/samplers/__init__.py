"""Batch samplers: which rows a batch shows, as a function of seed, rank, epoch and position."""
