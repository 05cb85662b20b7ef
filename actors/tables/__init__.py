"""What pipelines about tables share: the engine, and text that is safe in a spreadsheet. No Django in here."""
