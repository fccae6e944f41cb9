"""Who the members are.  Members, cards, consent, sign-in codes, erasure."""
