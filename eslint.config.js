// One rule set keeps the house's two promises: imports point one way, and app/ has no effects.
import js from '@eslint/js';
import ts from 'typescript-eslint';
import hooks from 'eslint-plugin-react-hooks';
import { importX } from 'eslint-plugin-import-x';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';

const zone = (target, from, message) => ({ target, from, message });

export default ts.config(
  { ignores: ['node_modules', 'dist', '.build', 'native/target*', 'native/addon/*.js', 'native/addon/index.d.ts'] },
  js.configs.recommended,
  ...ts.configs.recommended,
  {
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver({ project: './tsconfig.json' })] },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-console': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'import-x/no-cycle': ['error', { maxDepth: 6 }],
      'import-x/no-restricted-paths': [
        'error',
        {
          zones: [
            zone('./app', './main', 'app/ is pure: it must not know main/'),
            zone('./app', './renderer', 'app/ must not know renderer/'),
            zone('./app', './native', 'app/ must not know native/'),
            zone('./app/wire', './app/!(wire)/**/*', 'wire imports nothing'),
            zone('./app/contract', './app/!(contract)/**/*', 'contract imports zod only'),
            zone('./app/mesh', './app/!(mesh|wire)/**/*', 'mesh imports wire only'),
            zone('./renderer', './main', 'renderer imports app/contract only'),
            zone('./renderer', './native', 'renderer imports app/contract only'),
            zone('./renderer', './app/!(contract)/**/*', 'renderer imports app/contract only'),
            zone('./main', './renderer', 'main must not know renderer/'),
          ],
        },
      ],
    },
  },
  {
    files: ['app/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...[
          'setTimeout',
          'setInterval',
          'setImmediate',
          'process',
          'Buffer',
          'performance',
          'fetch',
          'window',
          'crypto',
          'console',
        ].map((name) => ({ name, message: 'app/ has no effects: take it as an input or through a port' })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'time is an input' },
        { object: 'Math', property: 'random', message: 'randomness is a port' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'time is an input' },
      ],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: ['node:*', 'fs', 'net', 'dgram', 'crypto', 'electron', 'react*'], message: 'app/ has no effects' },
          ],
        },
      ],
    },
  },
  {
    files: ['main/**/*.ts'],
    ignores: ['main/electron/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'electron', message: 'only main/electron imports electron' }] },
      ],
    },
  },
  { files: ['**/*.d.ts'], rules: { '@typescript-eslint/consistent-type-imports': 'off' } },
  { files: ['renderer/**/*.{ts,tsx}'], plugins: { 'react-hooks': hooks }, rules: hooks.configs.recommended.rules },
  {
    files: ['**/*.mjs', '*.js', 'scripts/**'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        fetch: 'readonly',
        performance: 'readonly',
      },
    },
  },
);
