"""What a machine returns and how long it takes. Imports arch and workloads, never rtl."""
