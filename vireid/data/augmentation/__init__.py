"""Augmentation of a batch on its device: the published recipes and their parts."""
