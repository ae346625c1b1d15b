"""Address translation: RTL of its units."""
