import pytest

from entering import visiting
from school import School, school

__all__ = ["school"]


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b'{"email": "a@example.com"}', "application/json; charset=utf-8", 200),
        (b'{"email": "a@example.com"}', "text/plain", 415),
        (b'{"email": "a@example.com"}', "", 415),
        (b"email=a", "application/json", 400),
        (b'{"email": 1}', "application/json", 400),
        (b'{"email": "\xff"}', "application/json", 400),
        (b"", "application/json", 400),
        (b'{"email": "' + b"a" * 9000 + b'"}', "application/json", 400),
    ],
    ids=["right", "text", "untold", "form", "number", "bytes", "empty", "long"],
)
async def test_a_body_is_small_and_what_it_should_be(
    school: School, content: bytes, media_type: str, status: int
) -> None:
    headers = {"content-type": media_type} if media_type else {}
    async with visiting(school) as app:
        answer = await app.http.post("/auth/discover", content=content, headers=headers)
    assert answer.status_code == status
