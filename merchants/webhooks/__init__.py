"""Webhooks: events delivered at least once to the addresses a merchant named (Standard Webhooks 1.0.0).

- `endpoints`: where to deliver, and the secrets that sign it;
- `addresses`: which addresses may be called at all (SSRF guard), asked at save and again at every connect;
- `signatures`: the three headers a receiver checks;
- `relay`: outbox rows become delivery rows, one per endpoint that wants the event;
- `sending`: one HTTP request, outside of every transaction, to the address that was checked;
- `claiming`: which process sends what, by leases;
- `delivering`: claims what is due, sends it side by side, and a trial at once;
- `settling`: writes down what came of it, and decides when to try again and what it means for the endpoint;
- `log`: what was delivered and answered, and sending it again;
- `pruning`: forgetting what is old.

Inside: `retries` (when to try again; pure).
"""
