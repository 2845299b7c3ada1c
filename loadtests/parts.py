"""Who takes part, as the loader writes it and the callers read it. Light: every Locust process has it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec


class Enrollment(msgspec.Struct, frozen=True):
    """Node ids."""

    id: str
    course: str
    lessons: list[str]


class Person(msgspec.Struct, frozen=True):
    """`token`: signs in as this person."""

    token: str
    enrollments: list[Enrollment]


class Tenant(msgspec.Struct, frozen=True):
    """`key`: of a program that reads all and enrolls. `courses`, `rush_courses`, `users`: node ids."""

    slug: str
    size: int
    key: str
    courses: list[str]
    rush_courses: list[str]
    users: list[str]
    people: list[Person]


def write(path: Path, tenants: Sequence[Tenant]) -> None:
    path.write_bytes(msgspec.json.encode(tenants))


def read(path: Path) -> list[Tenant]:
    return msgspec.json.decode(path.read_bytes(), type=list[Tenant])
