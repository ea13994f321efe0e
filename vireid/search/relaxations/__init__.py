"""Relaxations: from architecture parameters to mixture weights."""
