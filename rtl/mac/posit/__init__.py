"""Posit arithmetic: codes to fields and back, and the units built on them."""
