"""Optimisers, schedules and averages of weights."""
