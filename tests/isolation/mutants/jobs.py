"""The queue: who sees jobs, who may end one, how many there may be."""

from typing import Final

from mutants.mutant import Mutant

MUTANTS: Final = [
    Mutant(
        "jobs-by-id-for-everybody",
        "learning/job.py",
        "    work.context.require(Permission.JOB_READ)\n    return ByKey",
        "    return ByKey",
        ("tests/learning/test_job.py", "tests/graph/types/test_job.py"),
    ),
    Mutant(
        "a-job-is-ended-by-who-has-lost-it",
        "repositories/job_run.py",
        "AND j.id = ended.id AND j.fence = ended.fence",
        "AND j.id = ended.id",
        ("tests/queue/test_claim.py",),
    ),
    Mutant(
        "the-length-of-a-queue-is-counted-by-several",
        "queue/enqueue.py",
        "    await job.lock_length(session)\n    queued = await job.count_queued",
        "    queued = await job.count_queued",
        ("tests/queue/test_enqueue.py",),
    ),
    Mutant(
        "changes-of-many-are-anybodys",
        "learning/bulk_change.py",
        "    return work.context.actor.id or work.context.id\n",
        "    return None\n",
        ("tests/learning/test_bulk_change.py", "tests/graph/types/test_bulk_change.py"),
    ),
    Mutant(
        "the-file-of-an-operation-is-anybodys",
        "learning/bulk_operation.py",
        "    is_theirs = context.actor.id == operation.actor_id\n",
        "    is_theirs = True\n",
        ("tests/learning/test_bulk_operation.py",),
    ),
    Mutant(
        "the-secret-of-a-link-lies-open-in-the-queue",
        "learning/mail.py",
        "    await work.enqueue(SEND_MAIL, msgspec.to_builtins(mail), seal_key=seal_key)\n",
        "    await work.enqueue(SEND_MAIL, msgspec.to_builtins(mail))\n",
        ("tests/learning/test_mail.py",),
    ),
    Mutant(
        "a-part-of-an-operation-counts-twice",
        "repositories/bulk_operation.py",
        "cardinality(parts) = $3::int AND",
        "$3::int >= 0 AND",
        ("tests/learning/test_bulk_operation.py",),
    ),
    Mutant(
        "a-job-for-somebody-may-whatever-they-might-once",
        "auth/delegation.py",
        "    return await load_context(session, credential, request_id=request_id)\n",
        "    credential = msgspec.structs.replace(credential, user=None)\n"
        "    return await load_context(session, credential, request_id=request_id)\n",
        ("tests/auth/test_delegation.py", "tests/worker/handlers/test_bulk_change.py"),
    ),
]
