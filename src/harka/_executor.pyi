from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self
from uuid import UUID

class UncoveredError(Exception): ...

class Seal:
    def __init__(self, key: bytes, tenant: bytes) -> None: ...
    def seal(self, kind: int, id_: bytes) -> str: ...

class Field:
    name: str
    step: Any
    @classmethod
    def leaf(
        cls,
        key: str,
        name: str,
        type_: str,
        *,
        nullable: bool,
        step: Any = None,
        choices: Mapping[Any, str] | None = None,
        encode: Callable[[Any], bytes] | None = None,
    ) -> Self: ...
    @classmethod
    def sealed(cls, key: str) -> Self: ...
    @classmethod
    def text(cls, key: str, text: str) -> Self: ...
    @classmethod
    def child(
        cls,
        key: str,
        name: str,
        shapes: Shape | Mapping[type, Shape],
        *,
        many: bool,
        nullable: bool,
        nullable_items: bool,
        step: Any = None,
    ) -> Self: ...

class Shape:
    steps: list[Field]
    def __init__(self, struct: type | None, node: int) -> None: ...
    def add(self, field: Field) -> None: ...

class Link: ...

class Frame:
    shape: Shape
    sources: Sequence[Any]
    def __init__(self, shape: Shape, sources: Sequence[Any]) -> None: ...
    def column(self, name: str) -> list[Any]: ...
    def keys(self, name: str) -> tuple[list[UUID], list[int]] | None: ...
    def attach(self, field: Field, values: Sequence[Any]) -> Sequence[Frame]: ...
    def write(self, seal: Seal) -> None: ...
    def data(self) -> bytes: ...
