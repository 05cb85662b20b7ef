"""The pipeline that makes a document of each row: invoices, letters, badges, as one PDF or as a zip of files."""
