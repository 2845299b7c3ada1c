// Types of the schema, and a typed document for each operation: `operations.ts`.

import { readFileSync, writeFileSync } from 'node:fs';
import { codegen } from '@graphql-codegen/core';
import * as typedDocuments from '@graphql-codegen/typed-document-node';
import * as typescript from '@graphql-codegen/typescript';
import * as operations from '@graphql-codegen/typescript-operations';
import { parse } from 'graphql';

const [schema, document] = ['../../schema.graphql', '../operations.graphql'].map((path) =>
  parse(readFileSync(path, 'utf8')),
);
const pluginMap = { typescript, operations, typedDocuments };

writeFileSync(
  'operations.ts',
  await codegen({
    filename: 'operations.ts',
    schema,
    documents: [{ location: '../operations.graphql', document }],
    config: { scalars: { DateTime: 'string', JSON: 'unknown' }, enumsAsTypes: true, useTypeImports: true },
    plugins: Object.keys(pluginMap).map((name) => ({ [name]: {} })),
    pluginMap,
  }),
);
