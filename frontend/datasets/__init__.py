"""Datasets: the list and the page of each."""
