// Mercurius on Fastify, with its JIT and its loaders. One read-only transaction a request: BEGIN, the tenant's
// setting and the first statement leave in one write, and nobody waits for COMMIT.
import fastify from 'fastify'
import mercurius from 'mercurius'
import postgres from 'postgres'
import { GraphQLScalarType } from 'graphql'

const S = process.env.PEER_SCHEMA
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const sql = postgres({
  host: process.env.PEER_SOCKETS,
  database: process.env.PEER_DATABASE,
  username: process.env.PEER_ROLE,
  max: Number(process.env.PEER_POOL_SIZE),
  fetch_types: true
})

class Unit {
  constructor (tenant) {
    this.tenant = tenant
    this.opening = undefined
  }

  async fetch (text, ...values) {
    const connection = await (this.opening ??= this.open())
    return connection.unsafe(text, values, { prepare: true })
  }

  async open () {
    if (!UUID.test(this.tenant)) throw new Error('no tenant')
    const connection = await sql.reserve()
    // execute() sends at once; what fails is reported by the statement after it, and by COMMIT
    connection.unsafe(`BEGIN READ ONLY; SET LOCAL app.current_tenant = '${this.tenant}'`).execute().catch(() => {})
    return connection
  }

  async close () {
    if (this.opening === undefined) return
    const connection = await this.opening
    connection.unsafe('COMMIT').execute().catch(() => {}).finally(() => connection.release())
  }
}

const schema = `
  scalar DateTime
  enum Role { LEARNER INSTRUCTOR MANAGER ADMIN OWNER }
  enum UserStatus { ACTIVE INACTIVE }
  enum CourseStatus { DRAFT PUBLISHED ARCHIVED }
  enum EnrollmentStatus { ACTIVE COMPLETED WITHDRAWN }
  enum LessonKind { READING VIDEO AUDIO LIVE QUIZ ASSIGNMENT EXAM }
  type User { id: ID! name: String! email: String! role: Role! status: UserStatus! createdAt: DateTime! }
  type Lesson { id: ID! title: String! kind: LessonKind! durationMinutes: Int weight: Float! }
  type Module { id: ID! title: String! lessons: [Lesson!]! }
  type Course { id: ID! code: String! title: String! status: CourseStatus! modules: [Module!]! }
  type CourseConnection { nodes: [Course!]! }
  type Enrollment {
    id: ID! status: EnrollmentStatus! progress: Float! enrolledAt: DateTime! user: User course: Course
  }
  type EnrollmentConnection { totalCount: Int! nodes: [Enrollment!]! }
  type Query {
    user(id: ID!): User
    courses(first: Int!): CourseConnection
    enrollments(first: Int!): EnrollmentConnection
  }
`

const USER = `id, name, email, upper(role) AS role, upper(status) AS status, created_at AS "createdAt"`
const COURSE = 'id, code, title, upper(status) AS status'

const resolvers = {
  DateTime: new GraphQLScalarType({ name: 'DateTime', serialize: value => value.toISOString() }),
  Query: {
    user: async (_, { id }, { unit }) =>
      (await unit.fetch(`SELECT ${USER} FROM ${S}."user" WHERE id = $1`, id))[0] ?? null,
    courses: async (_, { first }, { unit }) => ({
      nodes: await unit.fetch(`SELECT ${COURSE} FROM ${S}.course ORDER BY created_at, id LIMIT $1`, first)
    }),
    enrollments: async (_, { first }, { unit }) => ({
      nodes: await unit.fetch(
        `SELECT id, user_id, course_id, upper(status) AS status, progress, enrolled_at AS "enrolledAt"
         FROM ${S}.enrollment ORDER BY created_at, id LIMIT $1`, first)
    })
  },
  EnrollmentConnection: {
    totalCount: async (_, __, { unit }) =>
      (await unit.fetch(`SELECT count(*)::int AS count FROM ${S}.enrollment`))[0].count
  }
}

const grouped = (rows, column, keys) => {
  const groups = new Map(keys.map(key => [key, []]))
  for (const row of rows) groups.get(row[column]).push(row)
  return keys.map(key => groups.get(key))
}

const byId = (rows, keys) => {
  const found = new Map(rows.map(row => [row.id, row]))
  return keys.map(key => found.get(key) ?? null)
}

const unique = keys => [...new Set(keys)]

const loaders = {
  Course: {
    async modules (queries, { unit }) {
      const keys = queries.map(({ obj }) => obj.id)
      const rows = await unit.fetch(
        `SELECT id, course_id, title FROM ${S}.module WHERE course_id = ANY($1::uuid[]) ORDER BY position, id`,
        unique(keys))
      return grouped(rows, 'course_id', keys)
    }
  },
  Module: {
    async lessons (queries, { unit }) {
      const keys = queries.map(({ obj }) => obj.id)
      const rows = await unit.fetch(
        `SELECT id, module_id, title, upper(kind) AS kind, duration_minutes AS "durationMinutes", weight
         FROM ${S}.lesson WHERE module_id = ANY($1::uuid[]) ORDER BY position, id`, unique(keys))
      return grouped(rows, 'module_id', keys)
    }
  },
  Enrollment: {
    async user (queries, { unit }) {
      const keys = queries.map(({ obj }) => obj.user_id)
      const rows = await unit.fetch(
        `SELECT ${USER} FROM ${S}."user" WHERE id = ANY($1::uuid[])`, unique(keys))
      return byId(rows, keys)
    },
    async course (queries, { unit }) {
      const keys = queries.map(({ obj }) => obj.course_id)
      const rows = await unit.fetch(
        `SELECT ${COURSE} FROM ${S}.course WHERE id = ANY($1::uuid[])`, unique(keys))
      return byId(rows, keys)
    }
  }
}

const app = fastify()
app.register(mercurius, {
  schema,
  resolvers,
  loaders,
  jit: 1,
  context: request => ({ unit: new Unit(request.headers['x-tenant']) })
})
app.get('/ready', async () => 'ready')
app.ready(error => {
  if (error) throw error
  app.graphql.addHook('onResolution', async (_, { unit }) => unit.close())
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PEER_PORT) })
