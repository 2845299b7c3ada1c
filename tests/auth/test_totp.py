from datetime import UTC, datetime, timedelta

import pytest

from harka.auth.totp import (
    RECOVERY_CODES,
    SECRET_BYTES,
    address_of,
    code_at,
    new_recovery_codes,
    new_secret,
    recovery_hash,
    step_of,
)

# RFC 6238, appendix B: SHA-1, of eight digits there, of which six are the last
SECRET = b"12345678901234567890"
VECTORS = {
    59: "287082",
    1111111109: "081804",
    1111111111: "050471",
    1234567890: "005924",
    2000000000: "279037",
}


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_the_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    assert code_at(SECRET, seconds // 30) == code
    assert step_of(SECRET, f"{code[:3]} {code[3:]}", datetime.fromtimestamp(seconds, UTC)) == seconds // 30


def test_a_code_is_good_for_a_minute_and_a_half_and_never_twice() -> None:
    now = datetime.fromtimestamp(1234567890, UTC)
    step = 1234567890 // 30
    for drift, found in ((-60, None), (-30, step), (0, step), (30, step), (60, None)):
        assert step_of(SECRET, VECTORS[1234567890], now + timedelta(seconds=drift)) == found
    assert step_of(SECRET, VECTORS[1234567890], now, after=step) is None


@pytest.mark.parametrize("wrong", ["", "000000", "1234567", "x" * 64, "٠٠٥٩٢٤", "\0"])
def test_what_is_no_code_is_none(wrong: str) -> None:
    assert step_of(SECRET, wrong, datetime.fromtimestamp(1234567890, UTC)) is None


def test_a_device_reads_the_address() -> None:
    address = address_of(SECRET, issuer="Kiln & Co", account="ada@example.com")
    assert address == (
        "otpauth://totp/Kiln%20%26%20Co:ada%40example.com"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Kiln%20%26%20Co"
    )
    assert len(new_secret()) == SECRET_BYTES


def test_recovery_codes_are_many_different_and_read_however_spelt() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == RECOVERY_CODES
    assert recovery_hash(codes[0]) == recovery_hash(codes[0].lower().replace("-", " "))
    assert recovery_hash(codes[0]) != recovery_hash(codes[1])
