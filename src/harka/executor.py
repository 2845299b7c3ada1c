"""The compiled part of the executor, where it was built; without it graphql-core executes everything."""

from typing import Final

try:
    from harka._executor import Field, Frame, Seal, Shape, UncoveredError

    _compiled = True
except ImportError:
    _compiled = False

__all__ = ["COMPILED", "Field", "Frame", "Seal", "Shape", "UncoveredError"]

COMPILED: Final = _compiled
"""Without it there are no other names here; who asks for a plan looks first."""
