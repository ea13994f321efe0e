"""Attention and graph layers."""
