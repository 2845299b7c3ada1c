"""SQL as named constants. What is tenant-scoped says so in its type and cannot run without a tenant."""

import re
from typing import Final

_SCHEMA: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TENANT_PARAMETER: Final = re.compile(r"\$1(?![0-9])")
# a schema costs about 0.5 kB a statement; thousands of own-schema tenants must not add up for ever
_REMEMBERED_SCHEMAS: Final = 512


class Statement:
    """One tenant-scoped statement. Its tables are `{schema}.table`; `$1` is the tenant, bound by the session.

    Row-level security alone would already keep tenants apart; naming the tenant as well lets every
    index begin with `tenant_id` and keeps the statement right if a policy is ever lost.
    """

    __slots__ = ("_in_schema", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        """Raise `ValueError` when the text does not use the tenant (`$1`) or a table of the schema."""
        if not _TENANT_PARAMETER.search(text):
            raise ValueError(f"{name}: a tenant-scoped statement must use $1, the tenant")
        if "{schema}." not in text:
            raise ValueError(f"{name}: a tenant-scoped statement must qualify its tables with {{schema}}.")
        self.name = name
        self.text = text
        self._in_schema: dict[str, str] = {}

    def in_schema(self, schema: str) -> str:
        """The SQL for one schema; the same object every time, so that its hash is computed once."""
        known = self._in_schema.get(schema)
        return known if known is not None else self._render(schema)

    def _render(self, schema: str) -> str:
        text = self.text.replace("{schema}", checked_schema(schema))
        if len(self._in_schema) >= _REMEMBERED_SCHEMAS:
            self._in_schema.clear()
        self._in_schema[schema] = text
        return text

    def __repr__(self) -> str:
        return f"Statement({self.name!r})"


class CatalogStatement:
    """One statement on the control schema; its tables are written `control.table`."""

    __slots__ = ("name", "text")

    def __init__(self, name: str, text: str) -> None:
        """Raise `ValueError` when the text names no table of the control schema."""
        if "control." not in text:
            raise ValueError(f"{name}: a catalog statement must qualify its tables with control.")
        self.name = name
        self.text = text

    def __repr__(self) -> str:
        return f"CatalogStatement({self.name!r})"


def checked_schema(schema: str) -> str:
    """The name itself: safe to stand in SQL unquoted. Raise `ValueError` otherwise."""
    if not _SCHEMA.fullmatch(schema):
        raise ValueError(f"not a schema name: {schema!r}")
    return schema
