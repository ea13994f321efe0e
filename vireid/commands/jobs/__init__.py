"""Jobs: a few commands in a row, whose state lies in files, run by processes here or on other machines."""
