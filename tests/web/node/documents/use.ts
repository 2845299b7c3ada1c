// Compiled against the generated types, nulls checked: the second use is wrong, and must be told so.

import type { CatalogQuery, EnrollManyMutationVariables } from './types';

export function titles(catalog: CatalogQuery): string[] {
  return catalog.courses?.nodes.map((course) => course.title) ?? [];
}

export const variables: EnrollManyMutationVariables = { input: { courseId: 'c', userIds: ['u'] } };

// @ts-expect-error: a course's list may be null, when the caller may not read it
export const unchecked = (catalog: CatalogQuery) => catalog.courses.totalCount;
