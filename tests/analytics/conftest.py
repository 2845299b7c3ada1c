from academy import academy, academy_settings, parts, rival
from registry import add_organization, catalog

__all__ = ["academy", "academy_settings", "add_organization", "catalog", "parts", "rival"]
