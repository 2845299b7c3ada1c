from typing import Any

import pytest

from school import School, school

__all__ = ["school"]

CREATE = """mutation ($input: CreateSsoConnectionInput!) { createSsoConnection(input: $input) {
  errors { code field } ssoConnection { id state clientId callbackPath } } }"""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("issuer", "ftp://x.example"),
        ("issuer", "https://u:p@x.example"),
        ("issuer", "https://x.example\\@y"),
        ("clientId", "a\0b"),
        ("clientSecret", ""),
        ("roleClaim", "x" * 101),
        ("emailClaim", "x" * 201),
        ("nameClaim", "a\0b"),
        ("emailDomains", ["localhost"]),
        ("emailDomains", ["x.harka.localhost"]),
        ("roleMappings", [{"value": "", "role": "LEARNER"}]),
    ],
    ids=str,
)
async def test_what_is_no_connection_is_refused(school: School, field: str, value: Any) -> None:
    given = {"name": "X", "issuer": "https://x.example", "clientId": "x", "clientSecret": "s", field: value}
    reply = await school.ask(CREATE, {"input": given})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", field)
