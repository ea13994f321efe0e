"""A gallery of people on disk, and the search in it; without torch."""
