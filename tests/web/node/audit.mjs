// The server audits of the package graphql-http against one address: a JSON line for each, on standard output.

import { serverAudits } from 'graphql-http';

const [url, key] = process.argv.slice(2);

function asking(address, { headers, ...rest } = {}) {
  return fetch(address, { ...rest, headers: { ...headers, 'x-api-key': key } });
}

for (const { name, fn } of serverAudits({ url, fetchFn: asking })) {
  const { id, status, reason } = await fn();
  console.log(JSON.stringify({ id, name, status, reason }));
}
