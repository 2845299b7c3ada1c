"""One call of every operation, as short as it can be: for the matrix of who may do what."""

# a call of every root field that gets past the checks of its arguments
CALLS = {
    "organization": "{ organization { slug } }",
    "users": "{ users(first: 1) { totalCount } }",
    "user": '{ user(id: "$user") { id } }',
    "groups": "{ groups(first: 1) { totalCount } }",
    "group": '{ group(id: "$group") { id } }',
    "courses": "{ courses(first: 1) { totalCount } }",
    "course": '{ course(id: "$course") { id } }',
    "files": "{ files(first: 1) { totalCount } }",
    "file": '{ file(id: "$file") { id } }',
    "enrollments": "{ enrollments(first: 1) { totalCount } }",
    "analytics": "{ analytics { asOf } }",
    "courseAnalytics": '{ courseAnalytics(courseId: "$course") { asOf } }',
    "learningPaths": "{ learningPaths(first: 1) { totalCount } }",
    "learningPath": '{ learningPath(id: "$path") { id } }',
    "learningPathEnrollments": "{ learningPathEnrollments(first: 1) { totalCount } }",
    "createLearningPath": 'mutation { createLearningPath(input: {title: "X"}) { clientMutationId } }',
    "updateLearningPath": (
        'mutation { updateLearningPath(input: {id: "$path", version: 1}) { clientMutationId } }'
    ),
    "publishLearningPath": 'mutation { publishLearningPath(input: {id: "$path"}) { clientMutationId } }',
    "archiveLearningPath": 'mutation { archiveLearningPath(input: {id: "$path"}) { clientMutationId } }',
    "enrollInLearningPath": (
        'mutation { enrollInLearningPath(input: {learningPathId: "$path", userId: "$user"}) '
        "{ clientMutationId } }"
    ),
    "withdrawFromLearningPath": (
        'mutation { withdrawFromLearningPath(input: {learningPathEnrollmentId: "$onpath"}) '
        "{ clientMutationId } }"
    ),
    "enrollViewer": 'mutation { enrollViewer(input: {courseId: "$course"}) { clientMutationId } }',
    "unenrollViewer": 'mutation { unenrollViewer(input: {id: "$enrollment"}) { clientMutationId } }',
    "updateViewer": "mutation { updateViewer(input: {version: 1}) { clientMutationId } }",
    "certificates": "{ certificates(first: 1) { totalCount } }",
    "categories": "{ categories(first: 1) { totalCount } }",
    "category": '{ category(id: "$category") { id } }',
    "tags": "{ tags(first: 1) { totalCount } }",
    "tag": '{ tag(id: "$tag") { id } }',
    "createCategory": 'mutation { createCategory(input: {name: "X"}) { clientMutationId } }',
    "updateCategory": (
        'mutation { updateCategory(input: {id: "$category", version: 1, name: "X"}) { clientMutationId } }'
    ),
    "deleteCategory": 'mutation { deleteCategory(input: {categoryId: "$category"}) { clientMutationId } }',
    "createTag": 'mutation { createTag(input: {name: "X"}) { clientMutationId } }',
    "updateTag": 'mutation { updateTag(input: {id: "$tag", version: 1, name: "X"}) { clientMutationId } }',
    "deleteTag": 'mutation { deleteTag(input: {tagId: "$tag"}) { clientMutationId } }',
    "setCourseTags": (
        'mutation { setCourseTags(input: {courseId: "$course", version: 1, tagIds: ["$tag"]}) '
        "{ clientMutationId } }"
    ),
    "moveLesson": (
        'mutation { moveLesson(input: {lessonId: "$lesson", version: 1, moduleId: "$module"}) '
        "{ clientMutationId } }"
    ),
    "search": '{ search(query: "course", first: 1) { totalCount } }',
    "brandings": "{ brandings(first: 1) { totalCount } }",
    "updateBranding": "mutation { updateBranding(input: {}) { clientMutationId } }",
    "discardBranding": "mutation { discardBranding(input: {}) { clientMutationId } }",
    "publishBranding": "mutation { publishBranding(input: {}) { clientMutationId } }",
    "domains": "{ domains(first: 1) { totalCount } }",
    "apiKeys": "{ apiKeys(first: 1) { totalCount } }",
    "createApiKey": (
        'mutation { createApiKey(input: {name: "X", scopes: ["organization:write"]}) { clientMutationId } }'
    ),
    "scimTokens": "{ scimTokens(first: 1) { totalCount } }",
    "createScimToken": 'mutation { createScimToken(input: {name: "X"}) { clientMutationId } }',
    "revokeScimToken": 'mutation { revokeScimToken(input: {id: "$scim"}) { clientMutationId } }',
    "rotateApiKey": 'mutation { rotateApiKey(input: {id: "$key"}) { clientMutationId } }',
    "revokeApiKey": 'mutation { revokeApiKey(input: {id: "$key"}) { clientMutationId } }',
    "passkeys": "{ passkeys(first: 1) { totalCount } }",
    "updatePasskey": (
        'mutation { updatePasskey(input: {id: "$passkey", version: 1, name: "X"}) { clientMutationId } }'
    ),
    "deletePasskey": 'mutation { deletePasskey(input: {passkeyId: "$passkey"}) { clientMutationId } }',
    "sessions": "{ sessions(first: 1) { totalCount } }",
    "revokeSession": 'mutation { revokeSession(input: {id: "$session"}) { clientMutationId } }',
    "changePassword": (
        'mutation { changePassword(input: {currentPassword: "x", newPassword: "x"}) { clientMutationId } }'
    ),
    "createPasswordReset": (
        'mutation { createPasswordReset(input: {userId: "$user"}) { clientMutationId } }'
    ),
    "setUpTotp": 'mutation { setUpTotp(input: {password: "x"}) { clientMutationId } }',
    "confirmTotp": 'mutation { confirmTotp(input: {code: "x"}) { clientMutationId } }',
    "removeTotp": 'mutation { removeTotp(input: {userId: "$user"}) { clientMutationId } }',
    "addDomain": 'mutation { addDomain(input: {name: "x.example"}) { clientMutationId } }',
    "verifyDomain": 'mutation { verifyDomain(input: {id: "$domain"}) { clientMutationId } }',
    "activateDomain": 'mutation { activateDomain(input: {id: "$domain"}) { clientMutationId } }',
    "removeDomain": 'mutation { removeDomain(input: {id: "$domain"}) { clientMutationId } }',
    "updateOrganization": "mutation { updateOrganization(input: {version: 1}) { clientMutationId } }",
    "rollBackBranding": 'mutation { rollBackBranding(input: {id: "$branding"}) { clientMutationId } }',
    "quiz": '{ quiz(id: "$quiz") { id } }',
    "node": '{ node(id: "$course") { id } }',
    "nodes": '{ nodes(ids: ["$course"]) { id } }',
    "createCourse": 'mutation { createCourse(input: {title: "X", code: "X"}) { clientMutationId } }',
    "updateCourse": 'mutation { updateCourse(input: {id: "$course", version: 1}) { clientMutationId } }',
    "publishCourse": 'mutation { publishCourse(input: {id: "$course"}) { clientMutationId } }',
    "archiveCourse": 'mutation { archiveCourse(input: {id: "$course"}) { clientMutationId } }',
    "enroll": 'mutation { enroll(input: {userId: "$user", courseId: "$course"}) { clientMutationId } }',
    "updateEnrollment": 'mutation { updateEnrollment(input: {id: "$enrollment"}) { clientMutationId } }',
    "waiveLesson": (
        'mutation { waiveLesson(input: {enrollmentId: "$enrollment", lessonId: "$lesson", reason: "X"}) '
        "{ clientMutationId } }"
    ),
    "revokeCertificate": (
        'mutation { revokeCertificate(input: {id: "$certificate", reason: "X"}) { clientMutationId } }'
    ),
    "issueCertificate": (
        'mutation { issueCertificate(input: {enrollmentId: "$enrollment"}) { clientMutationId } }'
    ),
    "renewCertificate": 'mutation { renewCertificate(input: {id: "$certificate"}) { clientMutationId } }',
    "unenroll": 'mutation { unenroll(input: {id: "$enrollment"}) { clientMutationId } }',
    "recordProgress": (
        'mutation { recordProgress(input: {enrollmentId: "$enrollment", lessonId: "$lesson", fraction: 1}) '
        "{ clientMutationId } }"
    ),
    "recordProgressBatch": (
        'mutation { recordProgressBatch(input: {entries: [{enrollmentId: "$enrollment", lessonId: "$lesson", '
        "fraction: 1}]}) { clientMutationId } }"
    ),
    "bulkEnroll": (
        'mutation { bulkEnroll(input: {courseId: "$course", userIds: ["$user"]}) { clientMutationId } }'
    ),
    "cloneCourse": 'mutation { cloneCourse(input: {courseId: "$course", code: "X"}) { clientMutationId } }',
    "createModule": (
        'mutation { createModule(input: {courseId: "$course", title: "X"}) { clientMutationId } }'
    ),
    "updateModule": 'mutation { updateModule(input: {id: "$module", version: 1}) { clientMutationId } }',
    "deleteModule": (
        'mutation { deleteModule(input: {moduleId: "$module", version: 1}) { clientMutationId } }'
    ),
    "reorderModules": (
        'mutation { reorderModules(input: {courseId: "$course", version: 1, moduleIds: ["$module"]}) '
        "{ clientMutationId } }"
    ),
    "setModuleUnlock": (
        'mutation { setModuleUnlock(input: {moduleId: "$module", version: 1}) { clientMutationId } }'
    ),
    "createLesson": (
        'mutation { createLesson(input: {moduleId: "$module", title: "X"}) { clientMutationId } }'
    ),
    "updateLesson": 'mutation { updateLesson(input: {id: "$lesson", version: 1}) { clientMutationId } }',
    "deleteLesson": (
        'mutation { deleteLesson(input: {lessonId: "$lesson", version: 1}) { clientMutationId } }'
    ),
    "reorderLessons": (
        'mutation { reorderLessons(input: {moduleId: "$module", version: 1, lessonIds: ["$lesson"]}) '
        "{ clientMutationId } }"
    ),
    "createContentItem": (
        'mutation { createContentItem(input: {lessonId: "$lesson", kind: TEXT, title: "X", text: "X"}) '
        "{ clientMutationId } }"
    ),
    "updateContentItem": (
        'mutation { updateContentItem(input: {id: "$item", version: 1}) { clientMutationId } }'
    ),
    "deleteContentItem": (
        'mutation { deleteContentItem(input: {contentItemId: "$item", version: 1}) { clientMutationId } }'
    ),
    "reorderContentItems": (
        'mutation { reorderContentItems(input: {lessonId: "$lesson", version: 1, contentItemIds: ["$item"]}) '
        "{ clientMutationId } }"
    ),
    "createQuiz": 'mutation { createQuiz(input: {lessonId: "$lesson", title: "X"}) { clientMutationId } }',
    "updateQuiz": 'mutation { updateQuiz(input: {id: "$quiz", version: 1}) { clientMutationId } }',
    "deleteQuiz": 'mutation { deleteQuiz(input: {quizId: "$quiz", version: 1}) { clientMutationId } }',
    "createQuizQuestion": (
        'mutation { createQuizQuestion(input: {quizId: "$quiz", kind: TRUE_FALSE, prompt: "X", '
        "isTrue: true}) { clientMutationId } }"
    ),
    "updateQuizQuestion": (
        'mutation { updateQuizQuestion(input: {id: "$question", version: 1}) { clientMutationId } }'
    ),
    "deleteQuizQuestion": (
        'mutation { deleteQuizQuestion(input: {quizQuestionId: "$question", version: 1}) '
        "{ clientMutationId } }"
    ),
    "reorderQuizQuestions": (
        'mutation { reorderQuizQuestions(input: {quizId: "$quiz", version: 1, quizQuestionIds: []}) '
        "{ clientMutationId } }"
    ),
    "startQuizAttempt": (
        'mutation { startQuizAttempt(input: {enrollmentId: "$enrollment", quizId: "$quiz"}) '
        "{ clientMutationId } }"
    ),
    "submitQuizAttempt": (
        'mutation { submitQuizAttempt(input: {quizAttemptId: "$attempt", answers: []}) { clientMutationId } }'
    ),
    "createUpload": (
        'mutation { createUpload(input: {name: "x.txt", size: 1, mediaType: "text/plain"}) '
        "{ clientMutationId } }"
    ),
    "submissions": '{ submissions(assignmentId: "$assignment", first: 1) { totalCount } }',
    "createAssignment": (
        'mutation { createAssignment(input: {lessonId: "$lesson", title: "X"}) { clientMutationId } }'
    ),
    "updateAssignment": (
        'mutation { updateAssignment(input: {id: "$assignment", version: 1}) { clientMutationId } }'
    ),
    "deleteAssignment": (
        'mutation { deleteAssignment(input: {assignmentId: "$assignment", version: 1}) { clientMutationId } }'
    ),
    "submitAssignment": (
        'mutation { submitAssignment(input: {enrollmentId: "$enrollment", assignmentId: "$assignment"}) '
        "{ clientMutationId } }"
    ),
    "gradeSubmission": (
        'mutation { gradeSubmission(input: {submissionId: "$submission", version: 1, score: 1}) '
        "{ clientMutationId } }"
    ),
    "completeUpload": 'mutation { completeUpload(input: {fileId: "$file"}) { clientMutationId } }',
    "deleteFile": 'mutation { deleteFile(input: {fileId: "$file", version: 1}) { clientMutationId } }',
    "createUser": 'mutation { createUser(input: {email: "x@y.example", name: "X"}) { clientMutationId } }',
    "bulkUsers": 'mutation { bulkUsers(input: {users: [{id: "$user", version: 1}]}) { clientMutationId } }',
    "updateUser": 'mutation { updateUser(input: {id: "$user", version: 1}) { clientMutationId } }',
    "deactivateUser": 'mutation { deactivateUser(input: {id: "$user"}) { clientMutationId } }',
    "invitations": "{ invitations(first: 1) { totalCount } }",
    "invitation": '{ invitation(id: "$invitation") { id } }',
    "inviteUser": 'mutation { inviteUser(input: {email: "x@y.example"}) { clientMutationId } }',
    "revokeInvitation": 'mutation { revokeInvitation(input: {id: "$invitation"}) { clientMutationId } }',
    "events": "{ events(first: 1) { totalCount } }",
    "event": '{ event(id: "$event") { id } }',
    "webhookEndpoints": "{ webhookEndpoints(first: 1) { totalCount } }",
    "webhookEndpoint": '{ webhookEndpoint(id: "$endpoint") { id } }',
    "webhookDeliveries": ('{ webhookDeliveries(webhookEndpointId: "$endpoint", first: 1) { totalCount } }'),
    "webhookDelivery": '{ webhookDelivery(id: "$delivery") { id } }',
    "createWebhookEndpoint": (
        'mutation { createWebhookEndpoint(input: {url: "https://example.com", scopes: ["event:read"]}) '
        "{ clientMutationId } }"
    ),
    "updateWebhookEndpoint": (
        'mutation { updateWebhookEndpoint(input: {id: "$endpoint", version: 1}) { clientMutationId } }'
    ),
    "deleteWebhookEndpoint": (
        'mutation { deleteWebhookEndpoint(input: {webhookEndpointId: "$endpoint"}) { clientMutationId } }'
    ),
    "rotateWebhookSecret": 'mutation { rotateWebhookSecret(input: {id: "$endpoint"}) { clientMutationId } }',
    "replayWebhook": 'mutation { replayWebhook(input: {id: "$endpoint"}) { clientMutationId } }',
    "testWebhookEndpoint": (
        'mutation { testWebhookEndpoint(input: {webhookEndpointId: "$endpoint"}) { clientMutationId } }'
    ),
    "retryWebhookDelivery": (
        'mutation { retryWebhookDelivery(input: {id: "$delivery"}) { clientMutationId } }'
    ),
    "retryWebhookDeliveries": (
        'mutation { retryWebhookDeliveries(input: {webhookEndpointId: "$endpoint"}) { clientMutationId } }'
    ),
    "mailSender": "{ mailSender { id } }",
    "setMailSender": (
        'mutation { setMailSender(input: {address: "a@b.example", host: "smtp.b.example", username: "a", '
        'password: "p"}) { clientMutationId } }'
    ),
    "testMailSender": "mutation { testMailSender(input: {}) { clientMutationId } }",
    "deleteMailSender": "mutation { deleteMailSender(input: {}) { clientMutationId } }",
    "setMailSubscription": (
        "mutation { setMailSubscription(input: {topic: CERTIFICATES, subscribed: false}) "
        "{ clientMutationId } }"
    ),
    "bulkChanges": "{ bulkChanges(first: 1) { totalCount } }",
    "bulkChange": '{ bulkChange(id: "$change") { id } }',
    "bulkChangeResults": '{ bulkChangeResults(bulkChangeId: "$change", first: 1) { totalCount } }',
    "bulkOperations": "{ bulkOperations(first: 1) { totalCount } }",
    "bulkOperation": '{ bulkOperation(id: "$operation") { id } }',
    "createBulkOperation": 'mutation { createBulkOperation(input: {query: "{ courses { nodes { id } } }"}) '
    "{ clientMutationId } }",
    "cancelBulkOperation": 'mutation { cancelBulkOperation(input: {id: "$operation"}) { clientMutationId } }',
    "jobs": "{ jobs(first: 1) { totalCount } }",
    "job": '{ job(id: "$job") { id } }',
    "enqueueJob": "mutation { enqueueJob(input: {kind: MEASURE_USAGE}) { clientMutationId } }",
    "cancelJob": 'mutation { cancelJob(input: {id: "$job"}) { clientMutationId } }',
    "retryJob": 'mutation { retryJob(input: {id: "$job"}) { clientMutationId } }',
    "customRoles": "{ customRoles(first: 1) { totalCount } }",
    "customRole": '{ customRole(id: "$role") { id } }',
    "createRole": (
        'mutation { createRole(input: {name: "X", permissions: ["course:read"]}) { clientMutationId } }'
    ),
    "updateRole": 'mutation { updateRole(input: {id: "$role", version: 1}) { clientMutationId } }',
    "deleteRole": 'mutation { deleteRole(input: {id: "$role"}) { clientMutationId } }',
    "createGroup": 'mutation { createGroup(input: {name: "X"}) { clientMutationId } }',
    "updateGroup": 'mutation { updateGroup(input: {id: "$group", version: 1}) { clientMutationId } }',
    "deleteGroup": 'mutation { deleteGroup(input: {id: "$group"}) { clientMutationId } }',
    "assignManager": (
        'mutation { assignManager(input: {groupId: "$group", userId: "$user"}) { clientMutationId } }'
    ),
    "unassignManager": (
        'mutation { unassignManager(input: {groupId: "$group", userId: "$user"}) { clientMutationId } }'
    ),
    "addGroupMembers": (
        'mutation { addGroupMembers(input: {groupId: "$group", userIds: ["$user"]}) { clientMutationId } }'
    ),
    "removeGroupMembers": (
        'mutation { removeGroupMembers(input: {groupId: "$group", userIds: ["$user"]}) { clientMutationId } }'
    ),
    "reactivateUser": 'mutation { reactivateUser(input: {id: "$user"}) { clientMutationId } }',
    "ssoConnections": "{ ssoConnections(first: 1) { totalCount } }",
    "ssoAttempts": "{ ssoAttempts(first: 1) { totalCount } }",
    "createSsoConnection": (
        'mutation { createSsoConnection(input: {name: "X", issuer: "https://x.example", clientId: "x", '
        'clientSecret: "x"}) { clientMutationId } }'
    ),
    "updateSsoConnection": (
        'mutation { updateSsoConnection(input: {id: "$sso", version: 1}) { clientMutationId } }'
    ),
    "testSsoConnection": 'mutation { testSsoConnection(input: {id: "$sso"}) { clientMutationId } }',
    "enforceSso": 'mutation { enforceSso(input: {id: "$sso"}) { clientMutationId } }',
    "deleteSsoConnection": (
        'mutation { deleteSsoConnection(input: {ssoConnectionId: "$sso"}) { clientMutationId } }'
    ),
    "rotateSsoKey": (
        'mutation { rotateSsoKey(input: {id: "$sso", version: 1, switchAt: "2099-01-01T00:00:00Z"}) '
        "{ clientMutationId } }"
    ),
    "finishSsoKeyRotation": (
        'mutation { finishSsoKeyRotation(input: {id: "$sso", version: 1}) { clientMutationId } }'
    ),
    "disableSso": 'mutation { disableSso(input: {id: "$sso"}) { clientMutationId } }',
}

LISTENS = {
    "completionRecorded": 'subscription { completionRecorded(courseId: "$course") { resync } }',
    "coursePublished": "subscription { coursePublished { resync } }",
    "jobProgress": 'subscription { jobProgress(jobId: "$job") { resync } }',
    "progressChanged": 'subscription { progressChanged(enrollmentId: "$enrollment") { resync } }',
    "submissionGraded": 'subscription { submissionGraded(enrollmentId: "$enrollment") { resync } }',
    "tenantAnalyticsChanged": "subscription { tenantAnalyticsChanged { resync } }",
}
