"""What the forms of pipelines on a dataset share: the choice of rows, of their order, and of columns."""
