"""Genotypes in published file formats."""
