"""HARKA: the multi-tenant GraphQL backend of an enterprise learning platform."""

__version__ = "0.1.0"
