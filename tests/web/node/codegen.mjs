// What graphql-codegen makes of schema.graphql and the documents: one module of types, on standard output.

import { readFileSync } from 'node:fs';
import { codegen } from '@graphql-codegen/core';
import * as typescript from '@graphql-codegen/typescript';
import * as operations from '@graphql-codegen/typescript-operations';
import { parse } from 'graphql';

const [schema, documents] = ['schema.graphql', 'documents/operations.graphql'].map((path) =>
  parse(readFileSync(path, 'utf8')),
);
const plugins = { typescript, operations };

console.log(
  await codegen({
    filename: 'types.ts',
    schema,
    documents: [{ location: 'documents/operations.graphql', document: documents }],
    config: { scalars: { DateTime: 'string', JSON: 'unknown' }, enumsAsTypes: true, useTypeImports: true },
    plugins: Object.keys(plugins).map((name) => ({ [name]: {} })),
    pluginMap: plugins,
  }),
);
