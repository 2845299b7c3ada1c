from school import School, school

__all__ = ["School", "school"]
