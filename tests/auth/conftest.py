from academy import academy, academy_settings, parts
from tenancy.fixtures import catalog, databases, other_tenant, tenant

__all__ = ["academy", "academy_settings", "catalog", "databases", "other_tenant", "parts", "tenant"]
