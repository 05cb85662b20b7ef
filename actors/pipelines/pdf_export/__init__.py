"""The pipeline that sets a dataset as a printed report: title page, contents, charts and the table, as PDF."""
