"""The types by name, for fields that lead back: courses have enrollments, enrollments a course.

A type that is imported only when the schema is built can be named by whoever it names itself.
"""

from typing import TYPE_CHECKING, Annotated, Any

from strawberry import lazy

if TYPE_CHECKING:
    # resolvers answer with structs, so a field's annotation says nothing to the type checker
    Certificate = Any
    Completion = Any
    Course = Any
    Enrollment = Any
    Lesson = Any
    LessonProgress = Any
    Module = Any
    Organization = Any
    User = Any
else:
    Certificate = Annotated["Certificate", lazy("harka.graph.types.certificate")]
    Completion = Annotated["Completion", lazy("harka.graph.types.completion")]
    Course = Annotated["Course", lazy("harka.graph.types.course")]
    Enrollment = Annotated["Enrollment", lazy("harka.graph.types.enrollment")]
    Lesson = Annotated["Lesson", lazy("harka.graph.types.lesson")]
    LessonProgress = Annotated["LessonProgress", lazy("harka.graph.types.progress")]
    Module = Annotated["Module", lazy("harka.graph.types.module")]
    Organization = Annotated["Organization", lazy("harka.graph.types.organization")]
    User = Annotated["User", lazy("harka.graph.types.user")]
