"""Files in which genotypes are kept, one format a file: ours, and those of published systems. Reading them imports no torch."""
