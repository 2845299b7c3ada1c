from nameserver import name_server
from school import School, lasting_school, open_school, school

__all__ = ["School", "lasting_school", "name_server", "open_school", "school"]
