"""Hostile and damaged files: each is read by the real command in a process that is watched. ``python -m tests.trust`` runs all."""
