"""The third floor: what we say and hear.  Survey answers now; feedback, offers and messages later."""
