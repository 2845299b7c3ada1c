import asyncio
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from harka.errors import UnavailableError
from harka.files.typeset import Typesetter, UnprintableError

MOMENT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0L9 9L0 9"/></svg>'
DATA: dict[str, Any] = {
    "language": "en",
    "heading": "Certificate",
    "has_completed": "has completed",
    "title": "Ada: Sums",
    "organization": "Łódź Academy",
    "holder": "Ada",
    "course": "Sums",
    "dates": "2026-01-31",
    "proof": "0" * 32,
    "primary_color": "#1d4ed8",
    "secondary_color": "#166534",
    "logo": None,
}


def nobody(_seconds: float) -> None:
    """Pays for it."""


def pages(pdf: bytes) -> int:
    """How many it says it has, in its metadata."""
    return int(pdf.partition(b"<xmpTPg:NPages>")[2].partition(b"<")[0])


async def test_the_same_data_make_the_same_bytes_once() -> None:
    typesetter = Typesetter()
    first = await typesetter.pdf("certificate", DATA, moment=MOMENT, spent=nobody)
    assert first.startswith(b"%PDF-")
    assert pages(first) == 1
    assert await typesetter.pdf("certificate", DATA, moment=MOMENT, spent=nobody) is first
    assert await Typesetter().pdf("certificate", DATA, moment=MOMENT, spent=nobody) == first
    assert (
        await typesetter.pdf("certificate", {**DATA, "holder": "Bob"}, moment=MOMENT, spent=nobody) != first
    )


@pytest.mark.parametrize(
    "typed",
    [
        '#panic("run")',
        '#read("/etc/passwd")',
        "$ x^2 $ *b* _i_ `c` <label> @reference // comment \\ #[",
        '"); #panic()',
        "مرحبا بالعالم",
        "שלום עולם",
        "Ada 😀 张伟",
        "\u202eevil",
        "x" * 200,
        "x " * 100,
    ],
)
async def test_what_somebody_typed_is_shown_and_never_run(typed: str) -> None:
    named = dict.fromkeys(("title", "organization", "holder", "course"), typed)
    pdf = await Typesetter().pdf("certificate", {**DATA, **named}, moment=MOMENT, spent=nobody)
    assert pages(pdf) == 1
    # in the metadata it stands as it is, but for what XML spells otherwise
    assert typed.split(maxsplit=1)[0].replace("<", "&lt;").replace('"', "&quot;").encode() in pdf


async def test_a_logo_is_drawn_and_a_damaged_one_is_told() -> None:
    typesetter = Typesetter()
    plain = await typesetter.pdf("certificate", DATA, moment=MOMENT, spent=nobody)
    for logo in (DRAWING, list(DRAWING.encode())):
        drawn = await typesetter.pdf("certificate", {**DATA, "logo": logo}, moment=MOMENT, spent=nobody)
        assert len(drawn) > len(plain)
    with pytest.raises(UnprintableError):
        await typesetter.pdf(
            "certificate", {**DATA, "logo": list(b"\x89PNG\r\n\x1a\n")}, moment=MOMENT, spent=nobody
        )


async def test_no_more_are_made_and_wait_than_there_is_room_for() -> None:
    typesetter = Typesetter(threads=1, waiting=1, patience=0.1)
    enough = threading.Event()
    typesetter._threads.submit(enough.wait)
    asked = [
        typesetter.pdf("certificate", {**DATA, "holder": name}, moment=MOMENT, spent=nobody) for name in "abc"
    ]
    refused = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(each) for each in refused} == {UnavailableError}
    assert sorted(str(each)[:8] for each in refused) == ["The docu", "The docu", "Too many"]
    # who has lost patience has left the line
    with pytest.raises(UnavailableError, match="too long"):
        await typesetter.pdf("certificate", DATA, moment=MOMENT, spent=nobody)
    enough.set()
    typesetter.close()


async def test_how_long_it_held_the_processor_is_told_once_it_is_made() -> None:
    typesetter, told = Typesetter(), list[float]()
    before = time.process_time()
    for _ in range(2):
        await typesetter.pdf("certificate", DATA, moment=MOMENT, spent=told.append)
    damaged = {**DATA, "logo": list(b"\x89PNG\r\n\x1a\n")}
    with pytest.raises(UnprintableError):
        await typesetter.pdf("certificate", damaged, moment=MOMENT, spent=told.append)
    first, in_vain = told
    assert min(first, in_vain) > 0.0005
    assert first + in_vain <= time.process_time() - before


async def test_whoever_has_left_is_told_too() -> None:
    enough = threading.Event()

    class Slow(Typesetter):
        def _compile(self, *given: Any) -> bytes:
            enough.wait()
            return super()._compile(*given)

    told: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    with pytest.raises(UnavailableError):
        await Slow(patience=0.05).pdf("certificate", DATA, moment=MOMENT, spent=told.set_result)
    assert not told.done()
    enough.set()
    async with asyncio.timeout(10.0):
        assert await told > 0.0005
