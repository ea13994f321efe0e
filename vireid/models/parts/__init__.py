"""Trunk parts: changes to a trunk after its weights are loaded."""
