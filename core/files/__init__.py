"""Files: the store, what is uploaded, and links to what may be fetched without an account."""
