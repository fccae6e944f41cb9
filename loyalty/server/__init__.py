"""The outermost layer of the web process: it reads a whole request before any thread works on it.

    granian (Rust) -> process.Server, on the event loop -> one of the thread pools -> Django's WSGI application

- `routes`: which pool a request belongs to, whose turn it takes there, and how much body it may have;
- `bodies`: reads a body on the event loop, under a deadline and a limit;
- `threads`: pools of threads that serve merchants in turn, so that nobody holds all of them;
- `calls`: one call of a WSGI application, and its answer;
- `refusals`: the answers that are given without a thread.

Half-sent requests and slow readers therefore cost a few kilobytes each and never a thread.
"""
