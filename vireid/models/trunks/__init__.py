"""Trunks: networks from images to a feature map, their weights and where their norms lie."""
