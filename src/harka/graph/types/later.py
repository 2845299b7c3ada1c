"""The types by name, for fields that lead back: courses have enrollments, enrollments a course.

A type that is imported only when the schema is built can be named by whoever it names itself.
"""

from typing import TYPE_CHECKING, Annotated, Any

from strawberry import lazy

if TYPE_CHECKING:
    # resolvers answer with structs, so a field's annotation says nothing to the type checker
    Category = Any
    Assignment = Any
    Certificate = Any
    Completion = Any
    ContentItem = Any
    Course = Any
    CourseVersion = Any
    Enrollment = Any
    File = Any
    Group = Any
    LearningPath = Any
    LearningPathEnrollment = Any
    Lesson = Any
    LessonProgress = Any
    Module = Any
    ModuleLock = Any
    ModuleUnlock = Any
    Organization = Any
    Quiz = Any
    QuizAttempt = Any
    QuizQuestion = Any
    Tag = Any
    Submission = Any
    User = Any
else:
    Assignment = Annotated["Assignment", lazy("harka.graph.types.assignment")]
    Category = Annotated["Category", lazy("harka.graph.types.category")]
    Certificate = Annotated["Certificate", lazy("harka.graph.types.certificate")]
    Completion = Annotated["Completion", lazy("harka.graph.types.completion")]
    ContentItem = Annotated["ContentItem", lazy("harka.graph.types.content")]
    Course = Annotated["Course", lazy("harka.graph.types.course")]
    CourseVersion = Annotated["CourseVersion", lazy("harka.graph.types.course_version")]
    Enrollment = Annotated["Enrollment", lazy("harka.graph.types.enrollment")]
    File = Annotated["File", lazy("harka.graph.types.file")]
    Group = Annotated["Group", lazy("harka.graph.types.group")]
    LearningPath = Annotated["LearningPath", lazy("harka.graph.types.path")]
    LearningPathEnrollment = Annotated["LearningPathEnrollment", lazy("harka.graph.types.path_enrollment")]
    Lesson = Annotated["Lesson", lazy("harka.graph.types.lesson")]
    LessonProgress = Annotated["LessonProgress", lazy("harka.graph.types.progress")]
    Module = Annotated["Module", lazy("harka.graph.types.module")]
    ModuleLock = Annotated["ModuleLock", lazy("harka.graph.types.unlock")]
    ModuleUnlock = Annotated["ModuleUnlock", lazy("harka.graph.types.unlock")]
    Organization = Annotated["Organization", lazy("harka.graph.types.organization")]
    Quiz = Annotated["Quiz", lazy("harka.graph.types.quiz")]
    QuizAttempt = Annotated["QuizAttempt", lazy("harka.graph.types.quiz_attempt")]
    QuizQuestion = Annotated["QuizQuestion", lazy("harka.graph.types.quiz_question")]
    Tag = Annotated["Tag", lazy("harka.graph.types.tag")]
    Submission = Annotated["Submission", lazy("harka.graph.types.submission")]
    User = Annotated["User", lazy("harka.graph.types.user")]
