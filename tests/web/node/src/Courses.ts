import { graphql } from 'relay-runtime';

export const query = graphql`
  query CoursesQuery($first: Int!) {
    ...Courses_list @arguments(first: $first)
  }
`;

export const list = graphql`
  fragment Courses_list on Query
  @refetchable(queryName: "CoursesListPaginationQuery")
  @argumentDefinitions(first: { type: "Int!" }, after: { type: "String" }) {
    courses(first: $first, after: $after) @connection(key: "Courses_list_courses") {
      edges {
        node {
          id
          ...Courses_course
        }
      }
    }
  }
`;

export const course = graphql`
  fragment Courses_course on Course @refetchable(queryName: "CoursesCourseRefetchQuery") {
    title
    status
    publishedAt
    modules {
      lessons {
        title
      }
    }
  }
`;
