"""Cycle models, one per unit; the RTL is held to them by lockstep.verify."""
