"""The door of the clock: ticks that ask the database what is due and have it done.

- `schedule`: one table of what happens how often;
- `tasks`: one thin task per line of it, each one domain call per merchant;
- `rounds`: what the tasks share: going round the merchants, chunk by chunk, each chunk in a tenant of its own.

The queue holds hints only.  Every task finds its work in rows, may run twice, late or not at all for a while, and
loses nothing when Valkey does.
"""
