"""Address streams of real algorithms, and of recorded traces.

``chunk`` says what a stream is; ``catalogue`` lists the workloads, ``options`` their sizes; ``emit``
(numba) is how a compiled algorithm records what it touches; ``graph`` makes the graphs that the
first seven share; ``traces`` reads ChampSim and valgrind files.
"""
