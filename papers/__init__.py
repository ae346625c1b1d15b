"""Experiments of papers, run on our own models and RTL, beside the published figures."""
