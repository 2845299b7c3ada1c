import io
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from asyncpg.pgproto import pgproto
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from harka import clock, logs
from harka.codec import from_json
from harka.config import Settings
from harka.logs import AccessLine

SECRETS = (
    "hk_abcdef123456_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFy",
    "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "Bearer abcdef0123456789",
    "ada.lovelace@example.org",
    "postgresql://harka:hunter2@db.internal/harka",
)


class Captured:
    """What was logged, read after `writing` has closed."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.settings = Settings()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, object]]:
        return [from_json(line) for line in self.text.splitlines()]


@pytest.fixture
def captured() -> Captured:
    return Captured()


@pytest.fixture
def hour(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The clock of the budgets, moved by hand."""
    moment = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: moment[0])
    return moment


def complain(text: str) -> None:
    raise ValueError(text)


def fail(text: str = "no such thing") -> None:
    raise KeyError(text)


def test_a_line_is_one_json_object_with_its_fields(captured: Captured) -> None:
    tenant = UUID(int=7)
    with logs.writing(captured.settings, captured.stream):
        logs.logger("web").info("request", tenant=tenant, milliseconds=1.5, status=200)
    (line,) = captured.lines
    assert {
        "room": "web",
        "event": "request",
        "tenant": str(tenant),
        "milliseconds": 1.5,
        "status": 200,
    }.items() <= (line.items())
    assert line["level"] == "info"
    assert str(line["time"]).endswith("Z")


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_written_wherever_it_stands(captured: Captured, secret: str) -> None:
    log = logs.logger("web")
    with logs.writing(captured.settings, captured.stream):
        log.info("before %s after", secret)
        log.info("field", detail=secret, nested={"list": [secret, {"deep": secret}], secret: 1})
        log.info("object", detail=RuntimeError(secret), raw=secret.encode())
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request: %s", secret)
        try:
            fail(secret)
        except KeyError:
            log.exception("bug")
    assert len(captured.lines) == 5
    assert secret not in captured.text
    assert "hunter2" not in captured.text


@pytest.mark.parametrize(
    "field", ["authorization", "variables", "email", "password", "token", "query", "name"]
)
def test_fields_that_hold_secrets_or_personal_data_are_blanked(captured: Captured, field: str) -> None:
    with logs.writing(captured.settings, captured.stream):
        logs.logger("web").info("request", **{field: "Ada Lovelace"})
    assert captured.lines[0][field] == "…"


def test_an_error_shows_names_but_not_values(captured: Captured) -> None:
    log = logs.logger("web")
    with logs.writing(captured.settings, captured.stream):
        try:
            complain("column 'user_email_key' does not take 'Ada Lovelace'")
        except ValueError:
            log.exception("bug")
    (line,) = captured.lines
    assert line["error"] == "ValueError: column 'user_email_key' does not take …"
    assert "test_logs.py" in str(line["traceback"])
    assert "Ada Lovelace" not in str(line["error"])


def test_the_same_failure_has_one_traceback_a_minute(captured: Captured, hour: list[float]) -> None:
    log = logs.logger("web")
    with logs.writing(captured.settings, captured.stream):
        for second in range(62):
            hour[0] = 1000.0 + second
            try:
                fail()
            except KeyError:
                log.exception("bug")
    with_traceback = [line for line in captured.lines if "traceback" in line]
    assert len(captured.lines) == 62
    assert len(with_traceback) == 2
    assert with_traceback[1]["unwritten_tracebacks"] == 59


def test_ten_thousand_failures_stay_under_three_megabytes(captured: Captured, hour: list[float]) -> None:
    log = logs.logger("web")
    with logs.writing(captured.settings, captured.stream):
        for number in range(10_000):
            try:
                fail("x" * number)
            except KeyError:
                log.exception("bug")
    assert len(captured.text) < 3_000_000
    assert captured.text.count("Traceback") == 1


def test_a_library_that_repeats_itself_is_cut_short(captured: Captured, hour: list[float]) -> None:
    with logs.writing(captured.settings, captured.stream):
        for _ in range(1000):
            logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    assert len(captured.lines) == 20


def test_uvicorns_warnings_become_ours(captured: Captured) -> None:
    with logs.writing(captured.settings, captured.stream):
        logging.getLogger("uvicorn.error").warning("Invalid request number %d", 7)
    (line,) = captured.lines
    assert line["event"] == "Invalid request number 7"
    assert line["library"] == "uvicorn.error"


@pytest.mark.parametrize("level", ["debug", "info"])
def test_what_uvicorn_says_of_clients_is_not_written(
    captured: Captured, level: Literal["debug", "info"]
) -> None:
    with logs.writing(Settings(log_level=level), captured.stream):
        logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', "192.0.2.7:1", "/?a=b")
    assert captured.text == ""


def test_lines_below_the_level_are_not_written(captured: Captured) -> None:
    with logs.writing(Settings(log_level="warning"), captured.stream):
        logs.logger("web").info("request")
        logs.logger("web").warning("odd")
    assert [line["event"] for line in captured.lines] == ["odd"]


def test_the_console_format_is_a_line_for_people(captured: Captured) -> None:
    with logs.writing(Settings(log_format="console"), captured.stream):
        logs.logger("web").info("request", status=200)
    assert captured.text.rstrip().endswith("info    web: request status=200")


REQUEST: dict[str, Any] = {
    "request_id": "0a" * 16,
    "tenant": pgproto.UUID("01890c3e-7c4b-7a30-8c2e-0123456789ab"),
    "actor": "api_key",
    "method": "POST",
    "route": "graphql",
    "operation": "Courses",
    "status": 200,
    "code": "FORBIDDEN",
    "milliseconds": 1.25,
    "statements": 3,
}


class Ended:
    """What a request tells when it is asked."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def line(self) -> AccessLine:
        return AccessLine(clock.now(), "access", **self._fields, event="request", level="info")


@pytest.mark.parametrize("absent", [(), ("tenant", "actor", "operation", "code")], ids=["full", "bare"])
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_requests_line_is_what_the_long_way_would_have_made(
    captured: Captured, monkeypatch: pytest.MonkeyPatch, log_format: Any, absent: tuple[str, ...]
) -> None:
    fields = {name: value for name, value in REQUEST.items() if name not in absent}
    with logs.writing(Settings(log_format=log_format), captured.stream):
        logs.logger("access").info("request", **fields)
        logs.access(Ended({name: fields.get(name, UNSET) for name in REQUEST}), logging.INFO)
    long, short = (
        re.sub(r"\d\d:\d\d:\d\d\.\d+", "TIME", line.removesuffix("\n"))
        for line in captured.text.splitlines(keepends=True)
    )
    assert short == long
    assert "TIME" in short


def test_lines_of_both_kinds_keep_their_order(captured: Captured) -> None:
    with logs.writing(captured.settings, captured.stream):
        for number in range(3):
            logs.access(Ended(REQUEST), logging.INFO)
            logs.access(Ended(REQUEST), logging.INFO)
            logs.logger("web").info(f"after {number}")
    assert [each["event"] for each in captured.lines] == [
        event for number in range(3) for event in ("request", "request", f"after {number}")
    ]


def test_a_line_that_cannot_be_made_does_not_end_the_writing(captured: Captured) -> None:
    written = threading.Event()

    class Broken:
        def line(self) -> AccessLine:
            written.set()
            raise LookupError

    with logs.writing(captured.settings, captured.stream):
        logs.access(Broken(), logging.INFO)
        assert written.wait(5)
        logs.logger("web").info("after")
    assert {line["event"] for line in captured.lines} == {"after", "log lines dropped"}


def test_a_requests_line_below_the_level_is_not_written(captured: Captured) -> None:
    with logs.writing(Settings(log_level="warning"), captured.stream):
        logs.access(Ended(REQUEST), logging.INFO)
    logs.access(Ended(REQUEST), logging.INFO)
    assert captured.text == ""


@given(
    st.lists(
        st.sampled_from(["hk_", "eyJ", "abcdef_12-", ".", "bearer", "Basic", "x"]) | st.from_regex(r"[\w.-]*")
    )
)
def test_a_word_is_scrubbed_like_any_text(parts: list[str]) -> None:
    word = "".join(re.findall(r"[A-Za-z0-9._-]", "".join(parts)))
    assert logs.scrub_word(word) == logs.scrub_text(word)


DIRECT = "from harka import logs; logs.logger('demo').warning('odd', count=3)"


def test_without_settings_a_line_in_a_file_is_json_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        subprocess.run([sys.executable, "-c", DIRECT], stderr=output, check=True)
    line = from_json(log.read_bytes())
    assert {"event": "odd", "count": 3, "room": "demo", "level": "warning"}.items() <= line.items()


def test_without_settings_a_line_at_a_terminal_is_for_people() -> None:
    terminal, other = os.openpty()
    try:
        subprocess.run([sys.executable, "-c", DIRECT], stderr=other, check=True)
        assert os.read(terminal, 1000).decode().rstrip().endswith("warning demo: odd count=3")
    finally:
        os.close(terminal)
        os.close(other)


def test_a_reader_that_stalls_never_blocks_a_writer() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, os.fdopen(reading, "r") as reader:
        writer = logs.LineWriter(stream, size=50)
        for _ in range(200):
            writer.write("x" * 4096)  # four times what a pipe holds
        text: list[str] = []
        drained = threading.Thread(target=lambda: text.extend(reader))
        drained.start()
        writer.close()
        stream.close()
        drained.join(5.0)
    dropped = [from_json(line)["count"] for line in text if line.startswith("{")]
    assert sum(dropped) + len(text) - len(dropped) == 200
    assert sum(dropped) > 0


def test_after_writing_the_standard_library_is_as_before(captured: Captured) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.getLogger("uvicorn.error").level
    with logs.writing(captured.settings, captured.stream):
        pass
    assert (root.handlers[:], root.level, logging.getLogger("uvicorn.error").level) == before


def test_a_block_inside_another_gives_back_where_lines_went(captured: Captured) -> None:
    inner = io.StringIO()
    with logs.writing(captured.settings, captured.stream):
        with logs.writing(captured.settings, inner):
            logs.logger("test").info("inside")
        logs.logger("test").info("outside")
    assert [line["event"] for line in captured.lines] == ["outside"]
    assert "inside" in inner.getvalue()
