"""What every page needs: who may see it, what it may load, errors, zones, static files, base templates."""
