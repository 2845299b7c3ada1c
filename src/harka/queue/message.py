"""The words that writers, workers and other processes exchange."""

from typing import Final
from uuid import UUID

PLATFORM: Final = UUID(int=0)
"""Stands for the tenant in messages between processes, which carry tenants' ids and figures, no content."""

JOBS_TOPIC: Final = "jobs"
"""Platform topic: a tenant has new jobs. Payload {tenant}."""
USAGE_TOPIC: Final = "usage"
"""Platform topic: a tenant was measured. Payload {tenant, activeUsers, totalUsers, storageBytes}."""

WEBHOOKS_TOPIC: Final = "webhooks"
"""Platform topic: of a tenant's webhooks something is to be looked at. Payload {tenant}."""

FIGURES_TOPIC: Final = "figures"
"""Topic of a tenant: what its analytics tell has changed. No payload."""
JOB_CHANGES_TOPIC: Final = "job-changes"
"""Topic of a tenant: jobs were put in, began, got further or ended. No payload."""

RECOUNT_COURSE: Final = "course.recount"
"""Job: work out again the progress of a course's enrollments. Payload {course_id}."""
RECOUNT_PATH: Final = "path.recount"
"""Job: work out again how far people are on a learning path. Payload {path_id}."""
UNLOCK_PATHS: Final = "path.unlock"
"""Job: enroll people in what is open to them on their paths. Payload {path_enrollment_ids}."""
RECHECK_DOMAINS: Final = "domain.recheck"
"""Job: look again for the proofs of the tenant's domains. Payload {asked}: of all, not only of those due."""
DELIVER_WEBHOOKS: Final = "webhook.deliver"
"""Job: send an endpoint what is due. Payload {endpoint_id}."""
RETRY_WEBHOOKS: Final = "webhook.retry"
"""Job: try again what an endpoint was not told. Payload: `learning.webhook_delivery.RetryLater`."""
BULK_ENROLL: Final = "bulk.enroll"
"""Job: enroll very many people. Payload: `learning.bulk_change.EnrollLater`, sealed."""
BULK_USERS: Final = "bulk.users"
"""Job: make and change very many people. Payload: `learning.bulk_change.WriteLater`, sealed."""
BULK_OPERATION: Final = "bulk.operation"
"""Job: run a query over all that a list has. Payload: `learning.bulk_operation.RunQuery`, sealed."""
RESET_PASSWORD: Final = "password.reset"  # noqa: S105 - the name of a job
"""Job: send a link to who asked for one. Payload: `learning.password_request.ResetAsked`, sealed."""
SEND_MAIL: Final = "mail.send"
"""Job: send an e-mail. Payload: `learning.mail.Mail`, sealed where it has a secret."""
MEASURE_USAGE: Final = "usage.measure"
"""Job: measure what the tenant uses. No payload."""

ROUTINE: Final = (MEASURE_USAGE, RECHECK_DOMAINS, DELIVER_WEBHOOKS)
"""What is put in all the time: their ends are soon forgotten."""
