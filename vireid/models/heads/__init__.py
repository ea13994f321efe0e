"""Heads: what follows a trunk, from pooling to logits."""
