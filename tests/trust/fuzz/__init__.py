"""Targets of atheris, which looks for bytes that a reader stumbles over: ``python -m tests.trust.fuzz SECONDS [TARGET ...]``."""
