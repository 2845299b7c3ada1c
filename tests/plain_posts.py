"""Plain requests as they go over the wire, and whose they are by their heads."""

from harka.tenancy.permission import Permission
from harka.web.callers import Caller, Callers
from school import School


async def plain_post(school: School, body: bytes, *more: str) -> bytes:
    """`more`: headers, as lines."""
    key = await school.headers(tuple(Permission))
    head = [f"host: {school.host}", f"content-length: {len(body)}", "content-type: application/json"]
    lines = ["POST /graphql HTTP/1.1", *head, *(f"{name}: {value}" for name, value in key.items()), *more]
    return "\r\n".join((*lines, "", "")).encode() + body


def learnt(callers: Callers, request: bytes, address: str = "198.51.100.1") -> Caller:
    lines, _, body = request.partition(b"\r\n\r\n")
    pairs = [line.partition(b": ") for line in lines.split(b"\r\n")[1:]]
    headers = [(name, value) for name, _, value in pairs]
    caller = callers.learn(lines + b"\r\n\r\n", headers, len(body), "http", (address, 1))
    assert caller is not None
    return caller
