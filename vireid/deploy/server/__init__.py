"""A gallery over HTTP, and the page that shows it. Needs the extra ``serve``; nothing here imports torch."""
