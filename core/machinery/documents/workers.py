"""Worker processes that render documents under a memory and a time limit.

A worker is a fresh Python process that stays: it keeps its fonts and stylesheets from document to document and is
replaced after a number of documents, or when it was killed. Parent and worker speak in frames over the standard pipes
(a length, JSON, then the binary parts), so that a worker that was taken over by its input cannot make the parent run
anything, as pickle would.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import queue
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, replace
from typing import IO, Any, cast

from core.machinery.documents.renderer import (
    DocumentRenderError,
    PdfMetadata,
    RenderedPdf,
    RenderJob,
    logger,
    render_job,
    warm_up,
)

DEFAULT_MEMORY_MB = 1024
"""Address space of a worker. An ordinary letter needs some 250 MB of it, fonts and libraries included."""
DEFAULT_SECONDS = 30.0
DEFAULT_RECYCLE_AFTER = 500
_START_SECONDS = 60.0
_LENGTH = struct.Struct(">I")


class RenderPool:
    """A fixed number of rendering processes, started when first needed. Safe for threads.

    :param size: processes that work at the same time; callers beyond it wait
    :param memory_mb: address space of each, in MiB
    :param seconds: wall time for one document
    :param recycle_after: documents after which a process is replaced
    """

    def __init__(
        self,
        size: int = 1,
        *,
        memory_mb: int = DEFAULT_MEMORY_MB,
        seconds: float = DEFAULT_SECONDS,
        recycle_after: int = DEFAULT_RECYCLE_AFTER,
    ) -> None:
        self.size = size
        self.memory_mb = memory_mb
        self.seconds = seconds
        self.recycle_after = recycle_after
        self._closed = threading.Event()
        self._slots: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(size):
            self._slots.put(None)

    def render(self, job: RenderJob) -> RenderedPdf:
        """Render *job* in a worker.

        Raises DocumentRenderError: ``timeout``, ``memory`` or ``crashed`` when the worker had to be replaced, else what
        the worker itself raised.
        """
        if self._closed.is_set():
            raise DocumentRenderError("The rendering processes were already stopped.")
        worker = self._slots.get()
        try:
            if worker is not None and not worker.is_alive():
                worker.stop()
                worker = None
            if worker is None:
                worker = _Worker(self.memory_mb, self.seconds)
            try:
                return worker.render(job)
            except DocumentRenderError as error:
                if error.reason in {"timeout", "memory", "crashed"}:
                    worker.stop()
                    worker = None
                raise
            except BaseException:
                worker.stop()
                worker = None
                raise
        finally:
            if worker is not None and (self._closed.is_set() or worker.rendered >= self.recycle_after):
                worker.stop()
                worker = None
            self._slots.put(worker)

    def close(self) -> None:
        """Stop the idle workers; a busy one stops when its document is finished."""
        self._closed.set()
        for _ in range(self.size):
            with contextlib.suppress(queue.Empty):
                worker = self._slots.get_nowait()
                if worker is not None:
                    worker.stop()
                self._slots.put(None)

    def __enter__(self) -> RenderPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Worker:
    def __init__(self, memory_mb: int, seconds: float) -> None:
        self.seconds = seconds
        self.rendered = 0
        self._folder = tempfile.TemporaryDirectory(prefix="doorstep-pdf-")
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "TMPDIR": self._folder.name,
        }
        self._process = subprocess.Popen(  # noqa: S603 (our own module, the arguments are numbers)
            [sys.executable, "-m", __name__, str(memory_mb), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        try:
            self._receive(time.monotonic() + _START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def render(self, job: RenderJob) -> RenderedPdf:
        self.rendered += 1
        header = asdict(replace(job, attachments={}))
        header["attachments"] = list(job.attachments)
        deadline = time.monotonic() + self.seconds
        watchdog = threading.Timer(self.seconds, self._process.kill)
        watchdog.start()
        try:
            _write_frame(self._stdin, header, list(job.attachments.values()))
            answer, parts = self._receive(deadline)
        except OSError as error:
            raise self._death(deadline) from error
        finally:
            watchdog.cancel()
        if "error" in answer:
            raise DocumentRenderError(str(answer["error"]), str(answer["reason"]))
        result = RenderedPdf(
            content=parts[0],
            pages=int(answer["pages"]),
            sha256=str(answer["sha256"]),
            missing_characters=tuple(answer["missing_characters"]),
            refused_resources=tuple(answer["refused_resources"]),
        )
        for url in result.refused_resources:
            logger.warning("A document asked for %r and was refused.", url)
        return result

    def stop(self) -> None:
        """Kill the process and remove what it left in its folder."""
        self._process.kill()
        self._process.wait()
        for stream in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):
                stream.close()
        self._folder.cleanup()

    def _receive(self, deadline: float) -> tuple[dict[str, Any], list[bytes]]:
        try:
            return _read_frame(_DeadlineReader(self._stdout, deadline))
        except (TimeoutError, EOFError) as error:
            raise self._death(deadline) from error

    def _death(self, deadline: float) -> DocumentRenderError:
        late = time.monotonic() >= deadline - 0.05
        self._process.kill()
        status = self._process.wait()
        if late:
            return DocumentRenderError(
                f"The document was not finished within {self.seconds:g} seconds.", "timeout"
            )
        return DocumentRenderError(
            f"The rendering process ended unexpectedly with status {status}.", "crashed"
        )


class _DeadlineReader:
    """Reads a pipe until a moment of the monotonic clock."""

    def __init__(self, stream: IO[bytes], deadline: float) -> None:
        self.descriptor = stream.fileno()
        self.deadline = deadline

    def read(self, count: int) -> bytes:
        parts = []
        while count:
            ready, _, _ = select.select([self.descriptor], [], [], max(0.0, self.deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            part = os.read(self.descriptor, min(count, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


def _write_frame(stream: IO[bytes], header: dict[str, Any], parts: list[bytes]) -> None:
    encoded = json.dumps({**header, "parts": [len(part) for part in parts]}).encode()
    stream.write(_LENGTH.pack(len(encoded)))
    stream.write(encoded)
    for part in parts:
        stream.write(part)
    stream.flush()


def _read_frame(stream: _DeadlineReader | IO[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    size = stream.read(_LENGTH.size)
    if len(size) < _LENGTH.size:
        raise EOFError
    header = json.loads(stream.read(*_LENGTH.unpack(size)))
    return header, [stream.read(length) for length in header.pop("parts")]


_shared: tuple[int, RenderPool] | None = None
_shared_lock = threading.Lock()


def shared_pool() -> RenderPool:
    """The pool of this process, one worker, started at the first document and stopped at exit; a fork gets its own."""
    global _shared
    with _shared_lock:
        if _shared is None or _shared[0] != os.getpid():
            pool = RenderPool()
            atexit.register(pool.close)
            _shared = (os.getpid(), pool)
        return _shared[1]


def _serve(memory_mb: int, seconds: float) -> None:
    """Answer frames until the parent closes the pipe."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = sys.stdin.buffer
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    warm_up()
    _write_frame(output, {"ready": True}, [])
    while True:
        try:
            header, parts = _read_frame(source)
        except EOFError:
            return
        # Ends this process even when the parent was killed and nobody watches the time any more.
        signal.setitimer(signal.ITIMER_REAL, seconds + 5)
        answer, content = _answer(header, parts)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write_frame(output, answer, content)


def _answer(header: dict[str, Any], parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    metadata = PdfMetadata(**{**header["metadata"], "keywords": tuple(header["metadata"]["keywords"])})
    job = RenderJob(
        html=header["html"],
        language=header["language"],
        stylesheets=tuple(header["stylesheets"]),
        packages=tuple(header["packages"]),
        attachments=dict(zip(header["attachments"], parts, strict=True)),
        watermark=header["watermark"],
        metadata=metadata,
    )
    try:
        result = render_job(job)
    except DocumentRenderError as error:
        return {"error": str(error), "reason": error.reason}, []
    answer = asdict(replace(result, content=b""))
    del answer["content"]
    return answer, [result.content]


if __name__ == "__main__":
    _serve(int(sys.argv[1]), float(sys.argv[2]))
