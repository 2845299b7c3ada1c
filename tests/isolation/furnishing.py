"""What stands in a world beside people and courses: files, groups, a look."""

from base64 import b64encode
from typing import Any
from uuid import UUID

from harka.codec import json_bytes
from harka.learning import branding, file, group, group_manager, group_member
from harka.learning.branding import BrandingChanges
from harka.learning.file import UploadDraft
from harka.learning.work import UnitOfWork
from harka.repositories import scim_group, scim_user
from harka.repositories.file import File
from harka.repositories.scim_user import Known
from harka.repositories.user import User
from harka.runtime import Runtime


async def populate_files(runtime: Runtime, as_owner: UnitOfWork, world: Any) -> tuple[File, File]:
    """The owner's: one that is ready, and one that is still to come."""
    text = world.canary.encode()
    draft = UploadDraft(name=f"{world.canary}.txt", size=len(text), media_type="text/plain")
    ready, loose = [(await file.create_upload(as_owner, runtime.files, draft)).file for _ in range(2)]
    await runtime.files.write(world.organization.id, file.path_of(ready.id), text)
    world.raw |= {text for row in (ready, loose) for text in (str(row.id), row.id.hex)}
    return await file.complete_upload(as_owner, runtime.files, ready.id), loose


async def plant_tree(work: UnitOfWork, world: Any, people: list[User]) -> tuple[UUID, UUID, UUID]:
    """Two branches of three levels, everybody in all; the learner manages the other's middle.

    Answers the one's top, the other's middle and end.
    """
    ways: list[list[UUID]] = [[], []]
    for _ in range(3):
        for way in ways:
            above = way[-1] if way else None
            made = await group.create(work, name=f"Team {world.canary}", parent_id=above)
            await group_member.add(work, made.id, [person.id for person in people])
            world.raw |= {str(made.id), made.id.hex}
            way.append(made.id)
    for way, person in zip(ways, people[1:], strict=True):
        await group_manager.assign(work, way[1], person.id)
    # and a directory calls somebody and a group something
    known = Known(people[2].id, None, "known", "work", json_bytes({"title": world.canary}).decode())
    await scim_user.write_many(work.session, [known])
    await scim_group.name(work.session, ways[0][0], "known")
    return ways[0][0], ways[1][1], ways[1][2]


async def brand(work: UnitOfWork, world: Any) -> UUID:
    """A published look with a logo of its own, and a draft of the next. Answers what is published."""
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg"><title>{world.canary}</title></svg>'
    look = BrandingChanges(logo=b64encode(drawing.encode()).decode(), primary_color="#1d4ed8")
    await branding.save_draft(work, look)
    published = await branding.publish(work)
    draft = await branding.save_draft(work, BrandingChanges(primary_color="#166534"))
    world.raw |= {str(published.logo_hash), str(published.id), published.id.hex, str(draft.id), draft.id.hex}
    return published.id
