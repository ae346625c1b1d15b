"""Multiply-accumulate units, one module or package per family of formats."""
