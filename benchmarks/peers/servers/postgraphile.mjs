// PostGraphile: the schema that it makes of the tables by itself. Names and shapes are its own.
import { createServer } from 'node:http'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { makePgService } from 'postgraphile/adaptors/pg'
import { postgraphile } from 'postgraphile'
import pg from 'pg'

const preset = {
  extends: [PostGraphileAmberPreset],
  // the lists are ordered by created_at, which no index begins with: every one begins with the tenant
  disablePlugins: ['PgIndexBehaviorsPlugin'],
  pgServices: [
    makePgService({
      pool: new pg.Pool({
        host: process.env.PEER_SOCKETS,
        database: process.env.PEER_DATABASE,
        user: process.env.PEER_ROLE,
        max: Number(process.env.PEER_POOL_SIZE)
      }),
      schemas: [process.env.PEER_SCHEMA],
      pubsub: false
    })
  ],
  grafast: {
    context: ({ node }) => ({ pgSettings: { 'app.current_tenant': node.req.headers['x-tenant'] } }),
    explain: false
  },
  grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false }
}

const instance = postgraphile(preset)
if (process.argv.includes('--schema')) {
  const { printSchema } = await import('graphql')
  process.stdout.write(printSchema(await instance.getSchema()))
  await instance.release()
  process.exit(0)
}
const server = createServer()
await instance.createServ(grafserv).addTo(server)
server.listen(Number(process.env.PEER_PORT), '127.0.0.1')
