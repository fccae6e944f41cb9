"""A form for each part of the programme: rules, points and promises, tiers, rewards, and a basket to try."""
