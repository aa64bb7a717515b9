"""Whether an objective can be trusted in a search: how it is gamed, and a card that says so."""
