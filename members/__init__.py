"""The first floor: who they are.  Members, cards, consent, sign-in codes, erasure."""
