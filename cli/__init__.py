"""The lockstep command."""
