"""For whoever connects a till: API keys, webhook endpoints with their log, and a till to play with."""
