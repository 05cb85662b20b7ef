"""The pipelines: every module and package in this folder is one, found at start."""
