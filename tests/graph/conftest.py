from nameserver import name_server
from school import School, school

__all__ = ["School", "name_server", "school"]
