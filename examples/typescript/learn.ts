// A web client's program with generated types: a course, its learners, progress over a socket, an offline
// batch, a certificate.

import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import {
  CertificatesDocument,
  EnrollEverybodyDocument,
  FollowCourseDocument,
  type FollowCourseSubscription,
  OpenCourseDocument,
  ParticipantsDocument,
  StudyDocument,
  SynchronizeOfflineDocument,
  VerifyDocument,
  WhatBecameOfDocument,
  WriteCourseDocument,
} from './operations.js';

const url = process.env['HARKA_URL'] ?? 'http://127.0.0.1:8000/graphql';
const key = process.env['HARKA_KEY'];
if (!key) {
  throw new Error('HARKA_KEY: an API key that may do everything');
}
const credentials = { 'x-api-key': key, 'x-client-name': 'example-typescript' };

async function ask<Data, Variables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...credentials },
    body: JSON.stringify({ query: print(document), variables, operationName: nameOf(document) }),
  });
  const answer = (await response.json()) as { data?: Data; errors?: unknown };
  if (!answer.data || answer.errors) throw new Error(JSON.stringify(answer.errors));
  return answer.data;
}

/** Each document has one operation, and it has a name. */
function nameOf(document: TypedDocumentNode<never, never> | TypedDocumentNode<any, any>): string {
  const [operation] = document.definitions;
  if (operation?.kind !== 'OperationDefinition' || !operation.name) throw new Error('no operation');
  return operation.name.value;
}

/** The payload of a mutation that was done: what the user could mend is no surprise for a script. */
function done<Payload extends { errors: readonly unknown[] }>(payload: Payload | null | undefined): Payload {
  const { errors } = present(payload);
  if (errors.length > 0) throw new Error(`refused: ${JSON.stringify(errors)}`);
  return present(payload);
}

function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('the answer lacks what was asked for');
  return value;
}

const code = `TS-${randomBytes(4).toString('hex')}`;
const written = await ask(WriteCourseDocument, {
  input: {
    code,
    title: 'TypeScript and HARKA',
    awardsCertificate: true,
    modules: [{ title: 'All of it', lessons: [{ title: 'Read this' }, { title: 'Then this' }] }],
  },
});
const course = present(done(written.createCourse).course);
const lessons = present(course.modules[0]).lessons;
done((await ask(OpenCourseDocument, { input: { id: course.id } })).publishCourse);
console.log(`course ${code} is open`);

const everybody = { courseId: course.id, filter: { role: 'LEARNER' }, onError: 'IGNORE_FAILED' } as const;
const asked = done((await ask(EnrollEverybodyDocument, { input: everybody })).bulkEnroll);
let created = asked.created;
// more than a thousand people are enrolled by a job
for (let state: string = asked.bulkChange ? 'QUEUED' : 'DONE'; state === 'QUEUED' || state === 'RUNNING'; ) {
  await setTimeout(500);
  const change = present(asked.bulkChange).id;
  ({ state, created } = present((await ask(WhatBecameOfDocument, { change })).bulkChange));
}
console.log(`${created} learners enrolled`);
const participants = await ask(ParticipantsDocument, { courseId: course.id, first: 2 });
const [one, other] = present(participants.enrollments).nodes;

const socket = createClient({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: credentials,
});
const events = socket.iterate<FollowCourseSubscription>({
  query: print(FollowCourseDocument),
  variables: { courseId: course.id },
});
let heard = false;
const first = events.next().finally(() => (heard = true));
// the server says when a socket is open, not when a subscription is: until the event is there, study on
for (let percent = 1; percent <= 100 && !heard; percent++) {
  const input = { enrollmentId: present(one).id, lessonId: present(lessons[0]).id, fraction: percent / 100 };
  done((await ask(StudyDocument, { input })).recordProgress);
}
const told = present((await first).value?.data?.progressChanged.enrollment);
console.log(`heard over the socket: ${told.user?.name} has done ${(100 * told.progress).toFixed(1)}%`);
await events.return?.();
await socket.dispose();

// what a device kept while it had no network, sent twice, as after a lost answer
const entries = lessons.map((lesson, number) => ({
  clientId: `entry-${number}`,
  enrollmentId: present(other).id,
  lessonId: lesson.id,
  fraction: 1,
  occurredAt: new Date(Date.now() - (2 - number) * 3_600_000).toISOString(),
}));
for (const attempt of [1, 2]) {
  const batch = done((await ask(SynchronizeOfflineDocument, { input: { entries } })).recordProgressBatch);
  const changed = present(batch.results).filter((result) => result.changed).length;
  console.log(`offline batch, attempt ${attempt}: ${changed} of ${entries.length} were news`);
}

const held = await ask(CertificatesDocument, { userId: present(present(other).user).id, courseId: course.id });
const { serial } = present(held.certificates?.nodes[0]);
// whoever is shown one may ask this, at the organization's address, without a key
const verified = present((await ask(VerifyDocument, { serial })).verifyCertificate);
console.log(`certificate of ${verified.holderName} for '${verified.title}': ${verified.state}`);
