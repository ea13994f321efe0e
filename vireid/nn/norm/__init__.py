"""Normalisation that knows rows of two modalities, and the mixture of its candidates."""
