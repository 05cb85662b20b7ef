"""Benchmarks: ratios against the bare parts, medians, in one run; `make bench` prints them."""
