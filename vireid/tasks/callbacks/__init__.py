"""Callbacks of a Trainer."""
