import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { suspendingUnderYieldStar } from './tools/eslint/suspending-under-yield-star.js';

export default defineConfig(
  { ignores: ['dist/', 'coverage/', 'node_modules/', 'dmalab-findings/', 'test/tidy/fixture/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { dmalab: { rules: { 'suspending-under-yield-star': suspendingUnderYieldStar } } },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'dmalab/suspending-under-yield-star': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' }],
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      // `array[i]!` is written everywhere on purpose; without noUncheckedIndexedAccess in tsconfig.json the rule takes it for noise.
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'Use an `as const` table: an enum is neither a number nor a name.' },
        { selector: 'DebuggerStatement', message: 'A breakpoint was left behind.' },
      ],
    },
  },
  {
    // Chai's assertions are property accesses; a test may also look at what is wrong on purpose.
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-unused-expressions': 'off' },
  },
  {
    files: ['src/cli/**/*.ts', 'bench/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/*.js', '**/*.cjs'],
    extends: [tseslint.configs.base],
    rules: { 'no-undef': 'off', 'no-unused-vars': 'error', eqeqeq: 'error' },
  },
);
