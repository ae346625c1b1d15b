"""lockstep: one YAML describes an AI accelerator; RTL and simulator agree to the bit and the cycle."""
