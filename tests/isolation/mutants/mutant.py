from pathlib import Path
from typing import NamedTuple


class StaleError(Exception):
    """The code has changed: this mutant can no longer be planted."""


class Mutant(NamedTuple):
    """`file`: below src/harka; `before` must stand in it exactly once.

    `tests`: where the fault is expected to be noticed, in this order: each is a run of pytest, and the first
    that fails is the last.
    """

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]

    def planted(self, source: Path) -> str:
        """The file with the fault in it. Raise `StaleError` when that is not to be had."""
        text = (source / "harka" / self.file).read_text()
        found = text.count(self.before)
        if found != 1:
            raise StaleError(f"{self.name}: its text stands {found} times in {self.file}, not once")
        text = text.replace(self.before, self.after)
        if self.file.endswith(".py"):
            compile(text, self.file, "exec")  # one that cannot be imported is noticed by anything
        return text
