from nameserver import name_server
from tenancy.fixtures import catalog, databases, other_tenant, tenant

__all__ = ["catalog", "databases", "name_server", "other_tenant", "tenant"]
