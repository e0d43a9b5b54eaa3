"""How gunicorn serves Doorstep; read by `gunicorn wsgi:app` in this folder. Command-line options win."""

import gc
import os
from typing import Any

workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
worker_class = "gthread"

# The workers share the memory of the application that the master loaded.
preload_app = True

loglevel = "warning"
max_requests = 10_000
max_requests_jitter = 1_000

# Several servers on one machine would otherwise fight for the same socket.
control_socket_disable = True


def when_ready(_server: Any) -> None:
    """Leave what the master has loaded out of garbage collection: workers neither search it nor copy its memory."""
    gc.collect()
    gc.freeze()
    # A page makes some thousand objects and leaves none: searching them once a page is enough.
    gc.set_threshold(10_000, 20, 20)


def post_fork(server: Any, _worker: Any) -> None:
    """Forget the database connections that were opened before the fork; they belong to the master."""
    from core.extensions import db

    app = server.app.wsgi()
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose(close=False)
