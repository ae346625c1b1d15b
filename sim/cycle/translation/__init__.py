"""Address translation at 10^7 accesses per second: the golden model of sim/golden/mmu.py, compiled by numba.

``simulator`` is the way in, ``run`` what comes out. ``kernel`` steps through accesses with ``walker``,
``blocks``, ``cache``, ``tlb`` and ``predictor``, on the arrays of ``state`` and the primitives of ``words``.
"""
