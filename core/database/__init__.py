"""The database: its statements, its clock, and what JSON it takes."""
