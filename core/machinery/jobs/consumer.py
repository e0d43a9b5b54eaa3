"""The consumer of huey, with another idea of an orderly end."""

from __future__ import annotations

import signal
import threading
from typing import Any

from huey.consumer import Consumer


class StepwiseConsumer(Consumer):
    """huey ends at SIGTERM in the middle of a task; systemd and docker send just that. This one finishes the step."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take the arguments of huey."""
        super().__init__(*args, **options)
        self._signal_actions = {signal.SIGTERM: (False, True), signal.SIGINT: (False, True)}
        self._asked = threading.Event()

    def is_stopping(self) -> bool:
        """Return whether the process was asked to end."""
        return self._asked.is_set() or self.stop_flag.is_set()

    def _handle_signal(self, signum: int, frame: Any) -> None:
        self._asked.set()
        super()._handle_signal(signum, frame)
