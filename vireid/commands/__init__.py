"""Commands of the program; each module has `main(words) -> exit code`."""
