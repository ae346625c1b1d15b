"""Design-space sweeps: many points of one space, searched, constrained, stored and compared."""
