"""Parts that more than one unit is built of."""
