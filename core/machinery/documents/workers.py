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
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import IO, Any, TypeVar, cast

from core.machinery.documents.letters import Letter, MadeLetter, MadeLetters, make_letters
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
_DEATHS = frozenset({"timeout", "memory", "crashed"})
"""Reasons after which a worker is replaced."""
_LENGTH = struct.Struct(">I")
Result = TypeVar("Result")


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
        return self._with_worker(lambda worker: worker.render(job))

    def make_letters(
        self,
        letters: Sequence[Letter],
        *,
        joined: bool,
        singles: bool,
        metadata: PdfMetadata | None = None,
    ) -> MadeLetters:
        """Make letters as :func:`letters.make_letters` does, shared out among all workers of the pool.

        A letter that kills its worker, or keeps it too long, fails alone: the others of its share are made once more,
        one by one.

        :param letters: the letters in their order
        :param joined: whether they are wanted in one file; its pieces come back in order
        :param singles: whether each is wanted as a file of its own
        :param metadata: of the joined file
        :raises DocumentRenderError: the pool was stopped
        """
        described = metadata or PdfMetadata()
        size = -(-len(letters) // self.size) or 1
        shares = [letters[start : start + size] for start in range(0, len(letters), size)]
        with ThreadPoolExecutor(max_workers=self.size) as threads:
            done = list(
                threads.map(lambda share: self._make_share(share, joined, singles, described), shares)
            )
        return MadeLetters(
            tuple(letter for share in done for letter in share.letters),
            tuple(piece for share in done for piece in share.pieces),
        )

    def _make_share(
        self, share: Sequence[Letter], joined: bool, singles: bool, metadata: PdfMetadata
    ) -> MadeLetters:
        try:
            return self._with_worker(lambda worker: worker.make_letters(share, joined, singles, metadata))
        except DocumentRenderError as error:
            if error.reason not in _DEATHS:
                raise
            if len(share) == 1:
                return MadeLetters((MadeLetter(error=str(error), reason=error.reason),), ())
        alone = [self._make_share([letter], joined, singles, metadata) for letter in share]
        return MadeLetters(
            tuple(letter for made in alone for letter in made.letters),
            tuple(piece for made in alone for piece in made.pieces),
        )

    def process_ids(self) -> list[int]:
        """Return the ids of the idle workers' processes, for measurements."""
        held = self._idle()
        for worker in reversed(held):
            self._slots.put(worker)
        return [worker.process_id for worker in held if worker is not None]

    def stop_idle(self) -> None:
        """Stop the idle workers; the next document starts new ones."""
        for worker in self._idle():
            if worker is not None:
                worker.stop()
            self._slots.put(None)

    def _idle(self) -> list[_Worker | None]:
        """Take all idle slots: one after the other would give back the same one, the last that was put."""
        taken = []
        with contextlib.suppress(queue.Empty):
            while True:
                taken.append(self._slots.get_nowait())
        return taken

    def _with_worker(self, work: Callable[[_Worker], Result]) -> Result:
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
                return work(worker)
            except DocumentRenderError as error:
                if error.reason in _DEATHS:
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
        self.stop_idle()

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
            [sys.executable, "-m", __name__, str(memory_mb), self._folder.name],
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

    @property
    def process_id(self) -> int:
        return self._process.pid

    def render(self, job: RenderJob) -> RenderedPdf:
        self.rendered += 1
        answer, parts = self._ask({"job": _packed(job)}, list(job.attachments.values()), self.seconds)
        result = RenderedPdf(
            content=parts[0],
            pages=int(answer["pages"]),
            sha256=str(answer["sha256"]),
            missing_characters=tuple(answer["missing_characters"]),
            refused_resources=tuple(answer["refused_resources"]),
        )
        _log_refused(result.refused_resources)
        return result

    def make_letters(
        self, letters: Sequence[Letter], joined: bool, singles: bool, metadata: PdfMetadata
    ) -> MadeLetters:
        self.rendered += len(letters)
        header = {
            "letters": [{"job": _packed(letter.job), "values": letter.values} for letter in letters],
            "joined": joined,
            "singles": singles,
            "metadata": asdict(metadata),
        }
        attachments = [part for letter in letters for part in letter.job.attachments.values()]
        # One letter may take the whole time of a document; of many, few do.
        answer, parts = self._ask(header, attachments, self.seconds + len(letters) - 1)
        pieces = tuple(parts[: answer["pieces"]])
        contents = iter(parts[answer["pieces"] :])
        made = []
        for each in answer["letters"]:
            content = next(contents) if singles and not each["error"] else None
            letter = MadeLetter(
                pages=int(each["pages"]),
                drawn=bool(each["drawn"]),
                missing_characters=tuple(each["missing_characters"]),
                refused_resources=tuple(each["refused_resources"]),
                content=content,
                error=str(each["error"]),
                reason=str(each["reason"]),
            )
            _log_refused(letter.refused_resources)
            made.append(letter)
        return MadeLetters(tuple(made), pieces)

    def _ask(
        self, header: dict[str, Any], parts: list[bytes], seconds: float
    ) -> tuple[dict[str, Any], list[bytes]]:
        deadline = time.monotonic() + seconds
        watchdog = threading.Timer(seconds, self._process.kill)
        watchdog.start()
        try:
            _write_frame(self._stdin, {**header, "seconds": seconds}, parts)
            answer, answered = self._receive(deadline)
        except OSError as error:
            raise self._death(deadline, seconds) from error
        finally:
            watchdog.cancel()
        if "error" in answer:
            raise DocumentRenderError(str(answer["error"]), str(answer["reason"]))
        return answer, answered

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
            raise self._death(deadline, self.seconds) from error

    def _death(self, deadline: float, seconds: float) -> DocumentRenderError:
        late = time.monotonic() >= deadline - 0.05
        self._process.kill()
        status = self._process.wait()
        if late:
            return DocumentRenderError(
                f"The document was not finished within {seconds:g} seconds.", "timeout"
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
_batch: tuple[int, RenderPool] | None = None
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


def batch_pool() -> RenderPool:
    """The pool of this process for batches, one worker for each processor but at most two; a fork gets its own."""
    global _batch
    with _shared_lock:
        if _batch is None or _batch[0] != os.getpid():
            pool = RenderPool(min(2, os.cpu_count() or 1))
            atexit.register(pool.close)
            _batch = (os.getpid(), pool)
        return _batch[1]


def _log_refused(addresses: Sequence[str]) -> None:
    for url in addresses:
        logger.warning("A document asked for %r and was refused.", url)


def _packed(job: RenderJob) -> dict[str, Any]:
    header = asdict(replace(job, attachments={}))
    header["attachments"] = list(job.attachments)
    return header


def _unpacked(header: dict[str, Any], parts: Iterator[bytes]) -> RenderJob:
    return RenderJob(
        html=header["html"],
        language=header["language"],
        stylesheets=tuple(header["stylesheets"]),
        packages=tuple(header["packages"]),
        attachments={name: next(parts) for name in header["attachments"]},
        watermark=header["watermark"],
        metadata=_metadata(header["metadata"]),
    )


def _metadata(held: dict[str, Any]) -> PdfMetadata:
    return PdfMetadata(**{**held, "keywords": tuple(held["keywords"])})


def _serve(memory_mb: int, folder: str) -> None:
    """Answer frames until the parent closes the pipe, which it only does by dying: else it kills this process.

    :param memory_mb: address space of this process
    :param folder: for what fonts and pictures need meanwhile; removed at the end
    """
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = sys.stdin.buffer
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    warm_up()
    try:
        _write_frame(output, {"ready": True}, [])
        _answer_all(source, output)
    except (EOFError, BrokenPipeError):
        shutil.rmtree(folder, ignore_errors=True)
        # Nothing is written when this process ends, not even what is buffered.
        os._exit(0)


def _answer_all(source: IO[bytes], output: IO[bytes]) -> None:
    while True:
        header, parts = _read_frame(source)
        # Ends this process even when the parent was killed and nobody watches the time any more.
        signal.setitimer(signal.ITIMER_REAL, header["seconds"] + 5)
        answer, content = _answer(header, parts)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write_frame(output, answer, content)


def _answer(header: dict[str, Any], parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    given = iter(parts)
    try:
        if "letters" in header:
            return _answer_letters(header, given)
        result = render_job(_unpacked(header["job"], given))
    except DocumentRenderError as error:
        return {"error": str(error), "reason": error.reason}, []
    except MemoryError:
        return {"error": "The document needs more memory than a document may use.", "reason": "memory"}, []
    answer = asdict(replace(result, content=b""))
    del answer["content"]
    return answer, [result.content]


def _answer_letters(header: dict[str, Any], parts: Iterator[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    letters = [
        Letter(
            _unpacked(each["job"], parts),
            None if each["values"] is None else tuple((kind, value) for kind, value in each["values"]),
        )
        for each in header["letters"]
    ]
    made = make_letters(
        letters,
        joined=header["joined"],
        singles=header["singles"],
        metadata=_metadata(header["metadata"]),
    )
    described = [asdict(replace(letter, content=None)) for letter in made.letters]
    singles = [letter.content for letter in made.letters if letter.content is not None]
    return {"letters": described, "pieces": len(made.pieces)}, [*made.pieces, *singles]


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])
