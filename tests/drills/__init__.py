"""Drills against the real stack: processes that are killed, not functions that are called.

- `stack`: PostgreSQL, Valkey, web, worker and beat in a private data directory, and ways to hurt each;
- `create_shop`: one merchant with a programme, a key, members and a webhook endpoint, made inside the stack's own code;
- `tills`: clients that keep their own log of what they wanted and what they were told;
- `oracle`: what must be true afterwards, asked of the database and of the webhook receiver;
- `negative_controls`: the negative controls, each of which must turn the drill red;
- `crash`: the drill itself; `python -m tests.drills.crash --seconds 60 --seed 7`.
"""
