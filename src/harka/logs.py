"""One JSON object a line on stderr, written by a thread of its own; the only room that knows structlog.

A line holds no secret and no personal datum: `scrub` removes known fields and whatever looks like a key,
a token or an email address, whoever logged it. A traceback is written once a minute for each place it comes
from, so a client that can provoke one cannot fill the disk.

The line of a request is the one that every request pays for: it goes past structlog, as what is told of the
request, and is put together and made text in the writer's thread, many at once.
"""

import contextlib
import itertools
import logging
import re
import sys
import threading
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from datetime import datetime
from typing import Any, Final, Protocol, TextIO, cast
from uuid import UUID

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger

from harka import clock
from harka.codec import json_bytes, json_lines
from harka.config import Settings

Line = MutableMapping[str, Any]
Logger = FilteringBoundLogger

_QUEUED_LINES: Final = 10_000
_WRITE_EVERY: Final = 0.05  # seconds
_TEXT_CHARACTERS: Final = 500
_TRACEBACK_CHARACTERS: Final = 8_000
_SAME_LINES: Final = 20  # a window, for each place in a library that logs

_SECRET_FIELDS: Final = frozenset(
    {"authorization", "api_key", "key", "secret", "password", "token", "bearer", "jwt", "cookie", "session"}
    | {"headers", "email", "name", "variables", "query", "body", "payload", "url", "dsn"}
)
# each alternative begins at the start of a word and never backs up: linear in the length of the text
_SECRET_TEXT: Final = re.compile(
    r"hk_[A-Za-z0-9_-]{8,}"  # API keys
    r"|eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*"  # JWT
    r"|(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"
    r"|(?<!\w)\w++://[^\s/@]*+@\S*"  # addresses with a password
    r"|(?<![\w.%+-])[\w.%+-]++@[\w-]++(?:\.[\w-]++)+"  # email addresses
)
_QUOTED: Final = re.compile(r"'([^'\n]*)'|(?<!File )\"([^\"\n]*)\"")
_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_.$-]*|\w*[a-z][A-Z]\w*")


def logger(room: str) -> Logger:
    """A logger that follows `writing`; until then only warnings are written, straight to stderr."""
    return cast("Logger", structlog.get_logger(room=room))


@contextlib.contextmanager
def writing(settings: Settings, stream: TextIO | None = None) -> Iterator[None]:
    """Log as `settings` say while the block runs; of the libraries' lines, warnings and worse."""
    console = settings.log_format == "console"
    writer = LineWriter(stream or sys.stderr, console=console)
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    root, uvicorn = logging.getLogger(), logging.getLogger("uvicorn.error")
    kept = root.handlers[:], root.level, uvicorn.level
    outer, destination = structlog.get_config(), (_destination.sink, _destination.level)
    root.handlers[:] = [_Bridge()]
    root.setLevel(max(level, logging.WARNING))
    # below that it writes clients' addresses and query strings, one line for each WebSocket
    uvicorn.setLevel(max(level, logging.WARNING))
    _configure(writer, level, _as_text if console else _as_json)
    try:
        yield
    finally:
        root.handlers[:] = kept[0]
        root.setLevel(kept[1])
        uvicorn.setLevel(kept[2])
        structlog.configure(**outer)
        _destination.sink, _destination.level = destination
        writer.close()


class AccessLine(msgspec.Struct, frozen=True, gc=False):
    """One request, its fields in the order of the line; what is `UNSET` is not in it.

    Clean by what its fields are made of: names from fixed sets, numbers, ids, and `scrub_word`s.
    """

    time: datetime
    room: str
    request_id: str
    tenant: UUID | msgspec.UnsetType
    actor: str | msgspec.UnsetType
    method: str
    route: str
    operation: str | msgspec.UnsetType
    status: int
    code: str | msgspec.UnsetType
    milliseconds: float
    statements: int
    event: str
    level: str


class Untold(Protocol):
    """A request that has ended, and will not change any more: whoever writes its line asks for it."""

    def line(self) -> AccessLine: ...


def access(request: Untold, level: int) -> None:
    """Write the line of a request where `writing` says, if lines of this `level` are written."""
    if level >= _destination.level:
        _destination.sink.write(request)


class LineWriter:
    """Writes in a thread; when the reader of the stream stalls, lines are dropped and counted.

    The thread looks for lines 20 times a second instead of being woken for each: a wake-up hands it the
    interpreter's lock, which cost the request that logged 0.3 ms.
    """

    def __init__(self, stream: TextIO, size: int = _QUEUED_LINES, *, console: bool = False) -> None:
        self._stream = stream
        self._size = size
        self._console = console
        self._lines: deque[str | Untold] = deque()
        self._dropped = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    def write(self, line: str | Untold) -> None:
        if len(self._lines) < self._size:
            self._lines.append(line)
        else:
            self._dropped += 1

    def close(self, timeout: float = 2.0) -> None:
        """Write what is queued, for at most `timeout` seconds."""
        self._closing.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._closing.wait(_WRITE_EVERY):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            lines.append(json_bytes({"event": "log lines dropped", "count": dropped}).decode())
        if lines:
            try:
                self._stream.write(_joined(lines, console=self._console))
                self._stream.flush()
            except Exception:  # noqa: BLE001 - neither a closed stderr nor a line that is none may end the thread
                self._dropped += len(lines)


def _joined(lines: Iterable[str | Untold], *, console: bool) -> str:
    """One text of all; of neighbours of one kind at once."""
    parts = []
    for is_text, group in itertools.groupby(lines, lambda line: isinstance(line, str)):
        if is_text:
            parts += [f"{line}\n" for line in group]
        else:
            parts.append(_access_lines(cast("Iterator[Untold]", group), console=console))
    return "".join(parts)


def _access_lines(requests: Iterator[Untold], *, console: bool) -> str:
    lines = [request.line() for request in requests]
    if not console:
        return json_lines(lines).decode()
    told = [msgspec.to_builtins(line) for line in lines]
    return "".join(f"{_as_text(None, '', {'at_time': line.pop('time'), **line})}\n" for line in told)


class _Direct:
    """Where lines go outside of `writing` (one-shot commands, tests)."""

    def write(self, line: str | Untold) -> None:
        sys.stderr.write(_joined([line], console=True))


class _Destination:
    """Where lines go now, and from which level on; `structlog` has its own copy."""

    def __init__(self) -> None:
        self.sink: LineWriter | _Direct = _Direct()
        self.level = logging.WARNING


_destination: Final = _Destination()


class Budget:
    """At most `limit` grants for a key in each `window` seconds; remembers the `size` latest keys."""

    def __init__(self, limit: int, window: float, size: int = 256) -> None:
        self._limit, self._window, self._size = limit, window, size
        self._spent: OrderedDict[object, tuple[float, int]] = OrderedDict()

    def spend(self, key: object) -> int | None:
        """None: refused. Otherwise how many were refused in the window that this grant ends."""
        now = clock.monotonic()
        start, asked = self._spent.pop(key, (now, 0))
        refused = 0
        if now - start >= self._window:
            start, asked, refused = now, 0, max(asked - self._limit, 0)
        self._spent[key] = (start, asked + 1)
        if len(self._spent) > self._size:
            self._spent.popitem(last=False)
        return refused if asked < self._limit else None


def scrub(_logger: object, _method: str, line: Line) -> Line:
    """Remove secrets and personal data from every value, however deep, and cut long texts."""
    for field, value in line.items():
        if field in _SECRET_FIELDS:
            line[field] = "…"
        elif not isinstance(value, int | float):
            line[field] = _scrubbed(value)
    return line


def _scrubbed(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | _Traceback():
            return value
        case dict():
            return dict(scrub(None, "", {scrub_text(str(key)): item for key, item in value.items()}))
        case list() | tuple() | set() | frozenset():
            return [_scrubbed(item) for item in value]
        case _:
            return scrub_text(str(value)[:_TEXT_CHARACTERS])


def scrub_text(text: str) -> str:
    return _SECRET_TEXT.sub("…", text)


def scrub_word(text: str) -> str:
    """`scrub_text` for letters, digits, `.`, `_` and `-` alone, in which two kinds of secret can stand."""
    return scrub_text(text) if "hk_" in text or "eyJ" in text else text


def _without_values(text: str) -> str:
    """Blank what an error quotes (a person's name), except names of fields, constraints and classes."""

    def shown(quoted: re.Match[str]) -> str:
        return quoted[0] if _IDENTIFIER.fullmatch(quoted[1] or quoted[2] or "") else "…"

    return _QUOTED.sub(shown, text)


class _Traceback(str):
    """A text that is scrubbed already, and may be longer than others."""

    __slots__ = ()


class Failures:
    """Turns `exc_info` into `error`, `at` and, unless it was there in the last `window` s, `traceback`."""

    def __init__(self, window: float = 60.0) -> None:
        self._budget = Budget(1, window)

    def __call__(self, _logger: object, _method: str, line: Line) -> Line:
        error = _exception(line.pop("exc_info", None))
        if error is None:
            return line
        frames = traceback.extract_tb(error.__traceback__, limit=-1)
        at = f"{frames[0].filename}:{frames[0].lineno}" if frames else ""
        line["at"] = at
        refused = self._budget.spend((type(error), at))
        if refused is None:
            line["error"] = type(error).__name__
            return line
        line["error"] = f"{type(error).__name__}: {_without_values(str(error)[:_TEXT_CHARACTERS])}"
        text = "".join(traceback.format_exception(error, limit=-20))[-_TRACEBACK_CHARACTERS:]
        line["traceback"] = _Traceback(scrub_text(_without_values(text)))
        line["unwritten_tracebacks"] = refused
        return line


def _exception(exc_info: Any) -> BaseException | None:
    match exc_info:
        case BaseException():
            return exc_info
        case True:
            return sys.exc_info()[1]
        case (_, BaseException() as error, _):
            return error
        case _:
            return None


class _Bridge(logging.Handler):
    """Lines of the standard library's loggers, as ours; a place that repeats itself is cut short."""

    def __init__(self) -> None:
        super().__init__()
        self._budget = Budget(_SAME_LINES, 10.0)
        self._logger = logger("library")

    def emit(self, record: logging.LogRecord) -> None:
        if self._budget.spend((record.name, record.lineno)) is not None:
            text = record.getMessage()
            self._logger.log(record.levelno, text, library=record.name, exc_info=record.exc_info)


def _configure(sink: LineWriter | _Direct, level: int, form: Callable[[object, str, Line], str]) -> None:
    _destination.sink, _destination.level = sink, level
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at_time"),
            Failures(),
            scrub,
            form,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Sink(sink),
        cache_logger_on_first_use=False,
    )


class _Sink:
    """What structlog calls at the end of its processors, one method a level."""

    def __init__(self, sink: LineWriter | _Direct) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = self.exception = sink.write


def _as_json(_logger: object, _method: str, line: Line) -> str:
    return json_bytes({"time": line.pop("at_time"), **line}).decode()


def _as_text(_logger: object, _method: str, line: Line) -> str:
    trace = line.pop("traceback", "")
    time, level, room = line.pop("at_time")[11:23], line.pop("level"), line.pop("room", "")
    head = f"{time} {level:<7} {room}: {line.pop('event', '')}"
    text = " ".join([head, *(f"{field}={value}" for field, value in line.items())])
    return f"{text}\n{trace}" if trace else text


def _as_read(logger: object, method: str, line: Line) -> str:
    """For people at a terminal; elsewhere it stands among lines of `writing`, in a child of `harka up`."""
    return (_as_text if sys.stderr.isatty() else _as_json)(logger, method, line)


_configure(_Direct(), logging.WARNING, _as_read)
