"""CSV files of our own making, each with its truth: a table, a way of writing it, and what surrounds or damages it."""
