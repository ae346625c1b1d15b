"""The tensor engine: sequencer, array and processing elements."""
