"""The worker: ticks that ask the database what is due and have it done.

- `schedule`: what happens how often, put together from what each app says in its `due_work.py`;
- `tasks`: one thin task per line of it, each one domain call per merchant;
- `merchant_runs`: what the tasks share: one merchant after the other, chunk by chunk, each chunk in a tenant of its own.

The queue holds hints only.  Every task finds its work in rows, may run twice, late or not at all for a while, and
loses nothing when Valkey does.
"""
