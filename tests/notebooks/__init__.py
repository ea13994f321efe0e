"""The notebooks: executed at reduced size by tests, and stored with outputs by ``python -m tests.notebooks NAME``."""
