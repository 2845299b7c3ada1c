from typing import Annotated

import msgspec
import strawberry

from harka.errors import HarkaError, InvalidIdError, ValidationError
from harka.graph.atomic import Refusal, refusal
from harka.graph.context import Info
from harka.graph.enums import OnError, Role
from harka.graph.field import field, graph_input, graph_type, leaf, mutation, value
from harka.graph.mutations.user import EMAIL, LOCALE, NAME, ROLE_ID, TIMEZONE, role_id_of
from harka.graph.payload import MutationInput, Payload, UserError, optional, required
from harka.graph.types.bulk_change import AS_JOB, BULK_CHANGE, BulkChange
from harka.graph.types.user import User
from harka.ids import NodeKind
from harka.learning import bulk_change, bulk_user
from harka.learning.bulk_change import AT_ONCE
from harka.learning.bulk_enrollment import MOST
from harka.learning.bulk_user import Fate, UserEntry
from harka.learning.user import UserChanges
from harka.repositories.bulk_change import BulkChange as BulkChangeRow
from harka.tenancy.permission import Permission


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """With `bulk_change` a job writes them, and nothing else is known yet."""

    results: list[Fate] | None = None
    created: int | None = None
    updated: int | None = None
    failed: int | None = None
    bulk_change: BulkChangeRow | None = None


@graph_input
class BulkUserInput:
    """A person to make or, with an `id`, to change. What is omitted of a change stays as it is."""

    id: strawberry.ID | None = value("Whom to change; omit it to make somebody.", default=None)
    version: int | None = value(
        "The version that was read; omit it to change whatever there is.", default=None
    )
    email: str | None = value(f"{EMAIL} Somebody new needs it.", default=strawberry.UNSET)
    name: str | None = value(f"{NAME} Somebody new needs it.", default=strawberry.UNSET)
    role: Role | None = value("What they may do: no more than who says so.", default=strawberry.UNSET)
    role_id: strawberry.ID | None = value(ROLE_ID, default=strawberry.UNSET)
    locale: str | None = value(LOCALE, default=strawberry.UNSET)
    timezone: str | None = value(TIMEZONE, default=strawberry.UNSET)


@graph_input
class BulkUsersInput(MutationInput):
    """People to make and to change."""

    users: list[BulkUserInput] = value(f"The people, at most {MOST:,}.")
    on_error: OnError = value(
        "What becomes of the others when somebody cannot be made or changed.",
        default=OnError.REJECT_EVERYTHING,
    )
    dry_run: bool = value("Whether to tell what would become of each, and do nothing.", default=False)
    as_job: bool = value(AS_JOB, default=False)


def _error(root: Fate) -> Refusal | None:
    return None if root.refused is None else refusal(root.refused)


@graph_type
class BulkUserResult:
    """What became of one person."""

    index: int = leaf("The place among the people given, from 0.")
    user: User | None = leaf("The person as they are now; null on an error, and in a dry run.")
    created: bool = leaf("Whether they are new, or would be.")
    error: UserError | None = field(_error, "Why they cannot be made or changed.")


@graph_type
class BulkUsersPayload(Payload):
    """What became of each person; or, where a job writes them, the change it makes."""

    results: list[BulkUserResult] | None = leaf("In the order given.")
    bulk_change: BulkChange | None = leaf(BULK_CHANGE)
    created: int | None = leaf("How many were made, or would be.")
    updated: int | None = leaf("How many were changed, or would be; or are so already.")
    failed: int | None = leaf("How many cannot be made or changed.")


async def _write(
    info: Info,
    given: Annotated[BulkUsersInput, strawberry.argument(name="input", description="Whom.")],
) -> Written:
    context = info.context
    # before anything is opened: no work on a million that are refused anyway
    bulk_change.require_few(given.users, "users")
    entries = [_entry(info, each) for each in given.users]
    if given.as_job or len(entries) > AT_ONCE:
        change = await bulk_change.write_later(
            context.work,
            entries,
            on_error=given.on_error,
            seal_key=context.runtime.keyring.seal,
            dry_run=given.dry_run,
        )
        return Written(bulk_change=change)
    done = await bulk_user.write(context.work, entries, on_error=given.on_error, dry_run=given.dry_run)
    fates = done.fates
    failed = len({fate.index for fate in fates if fate.refused}) or len(entries) - len(fates)
    created = 0 if done.rejected else sum(fate.created for fate in fates)
    updated = 0 if done.rejected else len(entries) - created - failed
    return Written(results=fates, created=created, updated=updated, failed=failed)


def _entry(info: Info, given: BulkUserInput) -> UserEntry | HarkaError:
    try:
        return UserEntry(
            id=None if given.id is None else info.context.open_id(NodeKind.USER, given.id, "id"),
            version=given.version,
            changes=UserChanges(
                email=required(given.email, "email"),
                name=required(given.name, "name"),
                role=required(given.role, "role"),
                locale=optional(given.locale),
                timezone=optional(given.timezone),
                role_id=role_id_of(info, given.role, given.role_id),
            ),
        )
    except (InvalidIdError, ValidationError) as error:
        return error


@strawberry.type
class BulkUserMutation:
    bulk_users: BulkUsersPayload | None = mutation(
        _write,
        f"Make and change many people: up to {AT_ONCE:,} in one transaction, more by a job, answered with "
        "its `bulkChange`. Each like by `createUser` and `updateUser`. Owners stay owners; what the caller "
        "may not do to one of them is refused as a whole, or ends the job.",
        requires=Permission.USER_WRITE,
    )
