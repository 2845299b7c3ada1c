import { graphql } from 'relay-runtime';

export const enroll = graphql`
  mutation EnrollmentEnrollMutation($input: EnrollInput!) {
    enroll(input: $input) {
      enrollment {
        ...Enrollment_progress
      }
      errors {
        code
        field
        message
      }
    }
  }
`;

export const progress = graphql`
  fragment Enrollment_progress on Enrollment {
    id
    progress
    status
    user {
      name
    }
  }
`;

export const follow = graphql`
  subscription EnrollmentFollowSubscription($enrollmentId: ID!) {
    progressChanged(enrollmentId: $enrollmentId) {
      enrollment {
        ...Enrollment_progress
      }
    }
  }
`;
