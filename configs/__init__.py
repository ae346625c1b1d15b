"""Shipped machines, models, technology and DRAM tables; every number carries its source."""
