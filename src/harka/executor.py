"""The compiled part of the executor, where it was built; without it graphql-core executes everything."""

from typing import Any, Final

Field: Any
Frame: Any
Seal: Any
Shape: Any
Uncovered: Any

try:
    from harka import _executor as _built
except ImportError:
    COMPILED: Final = False
else:
    COMPILED = True
    Field, Frame, Seal, Shape = _built.Field, _built.Frame, _built.Seal, _built.Shape
    Uncovered = _built.Uncovered
