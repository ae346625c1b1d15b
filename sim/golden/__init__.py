"""Bit-true numpy models, written from the definition and not from the RTL."""
