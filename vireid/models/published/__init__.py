"""Maps of published state dicts to ours."""
