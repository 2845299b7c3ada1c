from tenancy.fixtures import catalog, databases, other_tenant, tenant

__all__ = ["catalog", "databases", "other_tenant", "tenant"]
