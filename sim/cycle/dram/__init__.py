"""Command-level DRAM: request trace in, commands, cycles, latencies and energy out.

``address`` and ``trace`` make requests; ``state`` lays out what ``kernel`` (numba) steps through;
``engine`` runs it; ``checker`` replays the commands against rules of its own; ``energy`` adds up.
"""
