#!/usr/bin/env bash
# A phone's requests with nothing but curl and jq: a course, its learners, progress as it happens, an offline
# batch, a certificate.
set -euo pipefail

url=${HARKA_URL:-http://127.0.0.1:8000/graphql}
documents=$(cat "$(dirname "${BASH_SOURCE[0]}")/../operations.graphql")
who=(-H "x-api-key: ${HARKA_KEY:?an API key that may do everything}" -H 'x-client-name: example-curl')

# request OPERATION VARIABLES: the body that asks for one of the operations
request() {
  jq -n --arg query "$documents" --arg name "$1" --argjson variables "$2" \
    '{query: $query, operationName: $name, variables: $variables}'
}

# ask OPERATION VARIABLES: its data; the end of the script when there is an error, or something to mend
ask() {
  request "$@" | curl -sS --fail-with-body "${who[@]}" -H 'content-type: application/json' --data-binary @- "$url" |
    jq -e 'if .errors or ([.data[] | objects | .errors // [] | .[]] | length > 0) then error(tostring) else .data end'
}

code=CURL-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
course=$(ask WriteCourse "$(jq -n --arg code "$code" '{input: {
  code: $code, title: "curl and HARKA", awardsCertificate: true,
  modules: [{title: "All of it", lessons: [{title: "Read this"}, {title: "Then this"}]}]}}')" |
  jq .createCourse.course)
id=$(jq .id <<< "$course")
lessons=$(jq '[.modules[0].lessons[].id]' <<< "$course")
ask OpenCourse "{\"input\": {\"id\": $id}}" > /dev/null
echo "course $code is open"

told=$(ask EnrollEverybody "{\"input\": {\"courseId\": $id, \"filter\": {\"role\": \"LEARNER\"}, \"onError\": \"IGNORE_FAILED\"}}" |
  jq .bulkEnroll)
change=$(jq .bulkChange.id <<< "$told")
# more than a thousand people are enrolled by a job
while [ "$change" != null ]; do
  sleep 0.5
  told=$(ask WhatBecameOf "{\"change\": $change}" | jq .bulkChange)
  case $(jq -r .state <<< "$told") in QUEUED | RUNNING) ;; *) break ;; esac
done
jq -r '"\(.created) learners enrolled"' <<< "$told"
people=$(ask Participants "{\"courseId\": $id, \"first\": 2}" | jq .enrollments.nodes)

# a subscription over server-sent events; the server's first line says that it is listening
exec 3< <(request FollowCourse "{\"courseId\": $id}" |
  curl -sSN "${who[@]}" -H 'content-type: application/json' -H 'accept: text/event-stream' --data-binary @- "$url" \
    2> >(grep -v '^curl: (23)' >&2))  # that nobody listens any more
read -r _ <&3
for percent in 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9; do
  ask Study "$(jq -n --argjson people "$people" --argjson lessons "$lessons" --argjson fraction $percent \
    '{input: {enrollmentId: $people[0].id, lessonId: $lessons[0], fraction: $fraction}}')" > /dev/null
  # nothing within a second: what is recorded next will be heard
  told=$(while IFS= read -r -t 1 line <&3; do case $line in data:\ *) echo "${line#data: }" && break ;; esac; done)
  [ -n "$told" ] && break
done
exec 3<&-
jq -r '.data.progressChanged.enrollment |
  "heard as it happened: \(.user.name) has done \(.progress * 1000 | round / 10)%"' <<< "$told"

# what a device kept while it had no network, sent twice, as after a lost answer
entries=$(jq -n --argjson people "$people" --argjson lessons "$lessons" '[$lessons | to_entries[] | {
  clientId: "entry-\(.key)", enrollmentId: $people[1].id, lessonId: .value, fraction: 1,
  occurredAt: (now - 3600 * (2 - .key) | floor | todate)}]')
for attempt in 1 2; do
  ask SynchronizeOffline "{\"input\": {\"entries\": $entries}}" | jq -r --arg attempt $attempt \
    '.recordProgressBatch.results | "offline batch, attempt \($attempt): \(map(select(.changed)) | length) of \(length) were news"'
done

serial=$(ask Certificates "{\"courseId\": $id, \"userId\": $(jq '.[1].user.id' <<< "$people")}" |
  jq '.certificates.nodes[0].serial')
# whoever is shown one may ask this, at the organization's address, without a key
ask Verify "{\"serial\": $serial}" |
  jq -r ".verifyCertificate | \"certificate of \(.holderName) for '\(.title)': \(.state)\""
