"""``vireid gallery``."""
