"""Processing in memory: RTL of its units."""
