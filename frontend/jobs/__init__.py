"""Jobs: the desk, the page of each with its files and parts, acts on it, and notices of its end."""
