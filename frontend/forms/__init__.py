"""The forms that start pipelines, with their checks and the part that repeats them."""
