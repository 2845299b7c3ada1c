"""Enums of e-mails, described for clients."""

from harka.graph.enums import _describe as describe
from harka.learning.mail import MailTopic

__all__ = ["MailTopic"]

describe(
    MailTopic,
    "E-mails that are no answer to something that somebody did.",
    health_alerts="What is wrong with the organization, to its admins and owners.",
    certificates="A new certificate, to whom it was issued.",
)
