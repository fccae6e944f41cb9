"""What merchants and members tell each other.  Survey answers now; feedback, offers and messages later."""
