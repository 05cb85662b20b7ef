"""People: accounts, tries, API tokens, links to jobs, and the trail of what people did."""
