from academy import academy, academy_settings, parts, rival

__all__ = ["academy", "academy_settings", "parts", "rival"]
