"""What the pages of accounts show, computed from its rows."""
