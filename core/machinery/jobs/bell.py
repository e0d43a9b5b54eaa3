"""The bell that wakes the workers: a port, and huey behind it.

All state of a job is in our database. A ring that is lost, rung twice or heard late changes nothing: who hears it looks
for jobs that may be taken up, and the workers look every few seconds by themselves. So any queue engine will do; one
for celery needs a class with the two methods of :class:`Bell` (docs/operations/background-work.md shows it).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from huey import Huey

NAME = "doorstep"
_MOST_RINGS = 100
_POLL_SECONDS = 1.0
Answer = Callable[[Callable[[], bool]], None]
"""Does all work that can be done now. The argument tells whether the process was asked to end."""


class Bell(Protocol):
    """What wakes the workers."""

    def ring(self) -> None:
        """Wake one worker."""

    def listen(self, answer: Answer, threads: int, tick: Callable[[threading.Event], None]) -> None:
        """Answer rings until the process is asked to end by SIGTERM or SIGINT; what is being answered is finished.

        Args:
            answer: Called in one of the threads for each ring.
            threads: How many rings are answered at once.
            tick: Runs beside them in a thread of its own until the event is set.
        """


class SilentBell:
    """A bell that nobody hears; for tests, which run what waits themselves."""

    def ring(self) -> None:
        """Do nothing."""

    def listen(self, answer: Answer, threads: int, tick: Callable[[threading.Event], None]) -> None:
        """Refuse: nobody would ever be woken.

        Raises:
            RuntimeError: Always.
        """
        del answer, threads, tick
        raise RuntimeError("No worker can listen to a silent bell.")


class HueyBell:
    """huey: on SQLite beside our database, or on Redis, where workers of several machines hear it."""

    def __init__(self, folder: Path, redis_url: str, secret: str) -> None:
        """Nothing is opened before the first ring.

        Args:
            folder: Where the file of the queue lies when there is no Redis.
            redis_url: Address of Redis, or empty.
            secret: Signs the entries of the queue: huey unpickles what it finds there.
        """
        self._folder = folder
        self._redis_url = redis_url
        self._secret = secret
        self._huey: Huey | None = None
        self._look: Any = None
        self._answer: Answer | None = None
        self._stopping: Callable[[], bool] = lambda: False
        self._lock = threading.Lock()

    def ring(self) -> None:
        """Wake one worker."""
        huey = self._open()
        # When no worker is there, rings need not pile up: the first worker finds all jobs by itself.
        if huey.pending_count() < _MOST_RINGS:
            self._look()

    def listen(self, answer: Answer, threads: int, tick: Callable[[threading.Event], None]) -> None:
        """Answer rings until SIGTERM or SIGINT."""
        from core.machinery.jobs.consumer import StepwiseConsumer

        logging.getLogger("huey").setLevel(logging.WARNING)
        huey = self._open()
        huey.flush()
        consumer = StepwiseConsumer(
            huey,
            workers=threads,
            periodic=False,
            initial_delay=0.05,
            max_delay=_POLL_SECONDS,
            check_worker_health=True,
        )
        self._answer, self._stopping = answer, consumer.is_stopping
        ticking = threading.Thread(target=tick, args=(consumer.stop_flag,), name="ticking", daemon=True)
        ticking.start()
        consumer.run()
        ticking.join(timeout=5)

    def _open(self) -> Huey:
        # A web process that starts no job need not load huey.
        from huey import RedisHuey, SqliteHuey
        from huey.serializer import SignedSerializer

        with self._lock:
            if self._huey is None:
                serializer = SignedSerializer(secret=self._secret, salt="doorstep-bell")
                options: dict[str, Any] = {"results": False, "serializer": serializer}
                if self._redis_url:
                    huey = RedisHuey(NAME, url=self._redis_url, **options)
                else:
                    huey = SqliteHuey(NAME, filename=str(self._folder / "queue.db"), **options)
                self._look = huey.task(name="look")(self._hear)
                self._huey = huey
            return self._huey

    def _hear(self) -> None:
        if self._answer is not None:
            self._answer(self._stopping)
