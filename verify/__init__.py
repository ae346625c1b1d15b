"""Lockstep itself: testbenches, co-simulation and the agreement table. Imports rtl and sim."""
