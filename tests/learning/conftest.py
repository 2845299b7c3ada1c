from academy import academy, academy_settings, parts, rival
from nameserver import name_server

__all__ = ["academy", "academy_settings", "name_server", "parts", "rival"]
