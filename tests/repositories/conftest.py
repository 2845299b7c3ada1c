from academy import academy, academy_settings, parts, rival
from crowd import crowd
from registry import add_organization, catalog

__all__ = ["academy", "academy_settings", "add_organization", "catalog", "crowd", "parts", "rival"]
