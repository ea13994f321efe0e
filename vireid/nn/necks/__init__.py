"""Pooling, necks and classifiers behind a trunk."""
