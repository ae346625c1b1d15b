"""Scripts that run one GEMM in another tool; each runs inside that tool's own environment.

They read a request as JSON on standard input and answer with JSON on the last line of standard
output. Nothing here imports lockstep.
"""
