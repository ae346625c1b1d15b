"""How a machine is built: Amaranth components and Verilog export. Imports arch only."""
