"""Planted isolation faults. Each must make the suite fail; `run_mutants.py` plants and asks."""

from typing import Final

from mutants import (
    answer,
    caller,
    database,
    directory,
    domain,
    events,
    jobs,
    mails,
    neighbour,
    reader,
    session,
    shared,
    sign_on,
    webhooks,
)
from mutants.mutant import Mutant, StaleError

__all__ = ["MUTANTS", "Mutant", "StaleError"]

MUTANTS: Final = [
    *database.MUTANTS,
    *session.MUTANTS,
    *caller.MUTANTS,
    *answer.MUTANTS,
    *shared.MUTANTS,
    *reader.MUTANTS,
    *domain.MUTANTS,
    *jobs.MUTANTS,
    *neighbour.MUTANTS,
    *events.MUTANTS,
    *webhooks.MUTANTS,
    *mails.MUTANTS,
    *sign_on.MUTANTS,
    *directory.MUTANTS,
]
