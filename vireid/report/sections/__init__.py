"""Sections of a page: each is a function of what the page is made of, and ``None`` where there is nothing to show."""
