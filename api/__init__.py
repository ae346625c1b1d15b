"""The Python interface behind ``import lockstep``."""
