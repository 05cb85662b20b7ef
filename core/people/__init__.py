"""People: their accounts, how often they may try something, and the trail of what they did."""
