"""The fourth floor: what we measured.  Reads every floor, writes only its own tables."""
