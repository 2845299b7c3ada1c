"""The four OULAD tables as they were published; where they come from stands in `oulad/README.md`."""

import csv
import enum
import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec

SHIPPED = Path(__file__).parent / "oulad"


class Outcome(enum.StrEnum):
    """`final_result`: how a learner left a presentation."""

    PASS = "Pass"  # noqa: S105 - a result, not a password
    DISTINCTION = "Distinction"
    FAIL = "Fail"
    WITHDRAWN = "Withdrawn"


PASSED = frozenset({Outcome.PASS, Outcome.DISTINCTION})


class Presentation(msgspec.Struct, frozen=True):
    """One run of a course, such as BBB in 2013J. `days`: its length."""

    module: str
    code: str
    days: int


class Assessment(msgspec.Struct, frozen=True):
    """`kind`: TMA, CMA or Exam. `day`: days after the start, None if unknown. `weight`: percent, 0 to 100."""

    id: int
    module: str
    presentation: str
    kind: str
    day: int | None
    weight: float


class Registration(msgspec.Struct, frozen=True, gc=False):
    """One learner in one presentation: the row that becomes an enrollment."""

    module: str
    presentation: str
    learner: int
    region: str
    outcome: Outcome


class Result(msgspec.Struct, frozen=True, gc=False):
    """`day`: days after the start of the presentation, maybe negative. `score`: 0 to 100, None unmarked."""

    assessment: int
    learner: int
    day: int
    score: float | None


class Dataset(msgspec.Struct, frozen=True):
    presentations: tuple[Presentation, ...]
    assessments: tuple[Assessment, ...]
    registrations: tuple[Registration, ...]
    results: tuple[Result, ...]


def read(directory: Path = SHIPPED) -> Dataset:
    """All four tables, in a quarter of a second. Raise `FileNotFoundError` for a directory without them."""
    return Dataset(
        presentations=tuple(
            Presentation(module, code, int(days))
            for module, code, days in _rows(
                directory / "courses.csv.gz", "code_module", "code_presentation", "module_presentation_length"
            )
        ),
        assessments=tuple(_assessments(directory / "assessments.csv.gz")),
        registrations=tuple(_registrations(directory / "studentInfo.csv.gz")),
        results=tuple(_results(directory / "studentAssessment.csv.gz")),
    )


def _assessments(path: Path) -> Iterator[Assessment]:
    columns = ("id_assessment", "code_module", "code_presentation", "assessment_type", "date", "weight")
    for id_, module, presentation, kind, day, weight in _rows(path, *columns):
        yield Assessment(
            int(id_), module, presentation, kind, int(day) if _known(day) else None, float(weight)
        )


def _registrations(path: Path) -> Iterator[Registration]:
    outcomes = {outcome.value: outcome for outcome in Outcome}
    columns = ("code_module", "code_presentation", "id_student", "region", "final_result")
    for module, presentation, learner, region, outcome in _rows(path, *columns):
        yield Registration(module, presentation, int(learner), region, outcomes[outcome])


def _results(path: Path) -> Iterator[Result]:
    columns = ("id_assessment", "id_student", "date_submitted", "score")
    for assessment, learner, day, score in _rows(path, *columns):
        yield Result(int(assessment), int(learner), int(day), float(score) if _known(score) else None)


def _known(cell: str) -> bool:
    return cell not in {"", "?"}


def _rows(path: Path, *columns: str) -> Iterator[tuple[str, ...]]:
    """Yield the named columns of each row, in the order asked for."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        table = csv.reader(lines)
        header = {name: place for place, name in enumerate(next(table))}
        places = [header[name] for name in columns]
        for row in table:
            yield tuple([row[place] for place in places])
