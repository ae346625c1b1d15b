"""How fast lockstep is, and how its cycles compare with RTL and with other tools.

``python -m benchmarks [NAME...]`` from the root of the repository; see docs/speed.md.
"""
