/** Mocha adds the files of the command line to `spec` instead of putting them in its place; one named file should run alone. */
const namesFiles = process.argv.slice(2).some((argument) => /dist\/test\/.*\.js/.test(argument));

module.exports = {
  spec: namesFiles ? [] : ['dist/test/**/*.test.js'],
  require: ['./dist/test/root-hooks.js'],
  timeout: 20_000,
  'node-option': ['enable-source-maps'],
};
