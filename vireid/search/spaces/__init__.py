"""Search spaces: which layers become choices, with which candidates."""
