"""Synthesis of our Verilog: gates, area, delay, FPGA cells."""
