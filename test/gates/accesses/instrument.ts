import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

/** Rooms whose code runs as a machine's: what these read and write is noted. The scheduler and the searches only look on. */
const NOTED_ROOMS = ['faults', 'hal', 'hardware', 'kernel', 'machine', 'memory', 'nt', 'scenarios', 'wdf', 'workload'];

/** The notes' name in instrumented code, see `AccessNotes`. */
const NOTES = '$notes';

/**
 * Copies compiled code from `from` to `to` and rewrites what the machine is made of: before each read and write of a
 * property, of an element, of a container it says so. The code does what it did before, only slower.
 */
export function instrument(from: string, to: string, nodeModules: string): void {
  mkdirSync(to, { recursive: true });
  cpSync(from, join(to, 'src'), { recursive: true, filter: (path) => !/\.(d\.ts|map)$/.test(path) });
  writeFileSync(join(to, 'package.json'), '{ "type": "module" }\n');
  symlinkSync(nodeModules, join(to, 'node_modules'));
  for (const room of NOTED_ROOMS) {
    for (const path of scripts(join(to, 'src', room))) {
      const text = readFileSync(path, 'utf8');
      writeFileSync(path, rewrite(relative(to, path), text));
    }
  }
}

function scripts(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.js'))
    .map((name) => join(folder, name));
}

/** One module's text with the notes in it. */
export function rewrite(name: string, text: string): string {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
  const result = ts.transform(source, [(context) => (file) => new Rewriter(context).file(file)]);
  const printed = ts.createPrinter().printFile(result.transformed[0]!);
  result.dispose();
  return printed;
}

const { factory } = ts;

class Rewriter {
  constructor(private readonly context: ts.TransformationContext) {}

  file(file: ts.SourceFile): ts.SourceFile {
    return ts.visitEachChild(file, this.#visit, this.context);
  }

  readonly #visit = (node: ts.Node): ts.Node => {
    if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) return this.#assignment(node);
    if (ts.isPostfixUnaryExpression(node) || ts.isPrefixUnaryExpression(node)) return this.#unary(node);
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) return this.#call(node, node.expression);
    if (ts.isPropertyAccessExpression(node)) return this.#property(node, 'read');
    if (ts.isElementAccessExpression(node)) return this.#element(node);
    if (ts.isForOfStatement(node)) return this.#forOf(node);
    if (ts.isSpreadElement(node)) return factory.createSpreadElement(this.#note('iterated', this.#expression(node.expression)));
    if (ts.isVariableDeclaration(node) && node.initializer !== undefined && ts.isObjectBindingPattern(node.name)) {
      const initializer = this.#note('taken', this.#expression(node.initializer), namesOf(node.name));
      return factory.updateVariableDeclaration(node, this.#child(node.name), undefined, undefined, initializer);
    }
    return ts.visitEachChild(node, this.#visit, this.context);
  };

  #expression(node: ts.Expression): ts.Expression {
    return ts.visitNode(node, this.#visit) as ts.Expression;
  }

  #child<T extends ts.Node>(node: T): T {
    return ts.visitEachChild(node, this.#visit, this.context);
  }

  #note(method: string, ...given: readonly ts.Expression[]): ts.Expression {
    return factory.createCallExpression(factory.createPropertyAccessExpression(factory.createIdentifier(NOTES), method), undefined, given);
  }

  /** `a.b` becomes `$notes.read(a, "b").b`; the same for a private name. */
  #property(node: ts.PropertyAccessExpression, method: string): ts.Expression {
    const { expression, name } = node;
    if (ts.isMetaProperty(expression) || isNamespace(expression)) return this.#child(node);
    if (expression.kind === ts.SyntaxKind.SuperKeyword) return node;
    const noted = this.#note(method, this.#expression(expression), factory.createStringLiteral(name.text));
    if (!ts.isOptionalChain(node)) return factory.createPropertyAccessExpression(noted, name);
    // Inside of a longer chain the receiver may be missing, too.
    const question = node.questionDotToken ?? factory.createToken(ts.SyntaxKind.QuestionDotToken);
    return factory.createPropertyAccessChain(noted, question, name);
  }

  /** A method of a container reads or changes what is in it. */
  #call(node: ts.CallExpression, callee: ts.PropertyAccessExpression): ts.Expression {
    const given = node.arguments.map((argument) => this.#expression(argument));
    if (ts.isIdentifier(callee.expression) && callee.expression.text === 'Atomics' && callee.name.text !== 'waitAsync') {
      return this.#note('atomic', factory.createStringLiteral(callee.name.text), ...given);
    }
    if (['copy', 'fill', 'clear', 'firstDifference'].includes(callee.name.text) && !ts.isOptionalChain(node)) {
      return this.#note('bulk', this.#expression(callee.expression), factory.createStringLiteral(callee.name.text), ...given);
    }
    const property = this.#property(callee, 'called');
    if (ts.isOptionalChain(node)) return factory.createCallChain(property, node.questionDotToken, undefined, given);
    return factory.createCallExpression(property, undefined, given);
  }

  #element(node: ts.ElementAccessExpression): ts.Expression {
    const { expression, argumentExpression } = node;
    const isCallee = ts.isCallExpression(node.parent) && node.parent.expression === node;
    if (isCallee || ts.isOptionalChain(node) || expression.kind === ts.SyntaxKind.SuperKeyword) return this.#child(node);
    return this.#note('element', this.#expression(expression), this.#expression(argumentExpression));
  }

  #assignment(node: ts.BinaryExpression): ts.Expression {
    const { left, right, operatorToken } = node;
    const isPlain = operatorToken.kind === ts.SyntaxKind.EqualsToken;
    const value = this.#expression(right);
    if (ts.isPropertyAccessExpression(left)) {
      const target = this.#property(left, isPlain ? 'written' : 'updated');
      return factory.createBinaryExpression(target, operatorToken, value);
    }
    if (ts.isElementAccessExpression(left)) {
      const object = this.#expression(left.expression);
      const index = this.#expression(left.argumentExpression);
      if (isPlain) return this.#note('setElement', object, index, value);
      const old = factory.createUniqueName('old');
      const apply = factory.createBinaryExpression(old, binaryOf(operatorToken.kind), factory.createParenthesizedExpression(value));
      return this.#note('changeElement', object, index, arrow(old, apply));
    }
    return this.#child(node);
  }

  #unary(node: ts.PostfixUnaryExpression | ts.PrefixUnaryExpression): ts.Expression {
    const { operand, operator } = node;
    if (operator !== ts.SyntaxKind.PlusPlusToken && operator !== ts.SyntaxKind.MinusMinusToken) return this.#child(node);
    if (ts.isPropertyAccessExpression(operand)) {
      const target = this.#property(operand, 'updated') as ts.LeftHandSideExpression;
      return ts.isPostfixUnaryExpression(node)
        ? factory.createPostfixUnaryExpression(target, operator)
        : factory.createPrefixUnaryExpression(operator, target);
    }
    if (ts.isElementAccessExpression(operand)) {
      const old = factory.createUniqueName('old');
      const sign = operator === ts.SyntaxKind.PlusPlusToken ? ts.SyntaxKind.PlusToken : ts.SyntaxKind.MinusToken;
      const apply = arrow(old, factory.createBinaryExpression(old, sign, factory.createNumericLiteral(1)));
      const object = this.#expression(operand.expression);
      const method = ts.isPostfixUnaryExpression(node) ? 'stepElement' : 'changeElement';
      return this.#note(method, object, this.#expression(operand.argumentExpression), apply);
    }
    return this.#child(node);
  }

  #forOf(node: ts.ForOfStatement): ts.Statement {
    const { initializer } = node;
    const declared = ts.isVariableDeclarationList(initializer) ? initializer.declarations[0]!.name : null;
    const over = this.#expression(node.expression);
    const names = declared !== null && ts.isObjectBindingPattern(declared) ? [namesOf(declared)] : [];
    const statement = ts.visitNode(node.statement, this.#visit) as ts.Statement;
    return factory.updateForOfStatement(node, node.awaitModifier, initializer, this.#note('iterated', over, ...names), statement);
  }
}

/** Operators that assign. */
const isAssignment = (kind: ts.SyntaxKind): boolean => kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;

/** Built-in namespaces and the notes of nobody. */
const isNamespace = (node: ts.Expression): boolean =>
  ts.isIdentifier(node) &&
  ['Math', 'Number', 'Object', 'Array', 'String', 'JSON', 'Symbol', 'Atomics', 'BigInt', 'process'].includes(node.text);

function namesOf(pattern: ts.ObjectBindingPattern): ts.Expression {
  const names = pattern.elements.map(({ propertyName, name }) => propertyName ?? name);
  const texts = names.filter((name) => ts.isIdentifier(name) || ts.isStringLiteral(name)).map((name) => name.text);
  return factory.createArrayLiteralExpression(texts.map((text) => factory.createStringLiteral(text)));
}

const arrow = (parameter: ts.Identifier, body: ts.Expression): ts.Expression =>
  factory.createArrowFunction(
    undefined,
    undefined,
    [factory.createParameterDeclaration(undefined, undefined, parameter)],
    undefined,
    factory.createToken(ts.SyntaxKind.EqualsGreaterThanToken),
    body,
  );

const BINARY: ReadonlyMap<ts.SyntaxKind, ts.BinaryOperator> = new Map([
  [ts.SyntaxKind.PlusEqualsToken, ts.SyntaxKind.PlusToken],
  [ts.SyntaxKind.MinusEqualsToken, ts.SyntaxKind.MinusToken],
  [ts.SyntaxKind.AsteriskEqualsToken, ts.SyntaxKind.AsteriskToken],
  [ts.SyntaxKind.SlashEqualsToken, ts.SyntaxKind.SlashToken],
  [ts.SyntaxKind.PercentEqualsToken, ts.SyntaxKind.PercentToken],
  [ts.SyntaxKind.AmpersandEqualsToken, ts.SyntaxKind.AmpersandToken],
  [ts.SyntaxKind.BarEqualsToken, ts.SyntaxKind.BarToken],
  [ts.SyntaxKind.CaretEqualsToken, ts.SyntaxKind.CaretToken],
  [ts.SyntaxKind.LessThanLessThanEqualsToken, ts.SyntaxKind.LessThanLessThanToken],
  [ts.SyntaxKind.GreaterThanGreaterThanEqualsToken, ts.SyntaxKind.GreaterThanGreaterThanToken],
  [ts.SyntaxKind.GreaterThanGreaterThanGreaterThanEqualsToken, ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken],
  [ts.SyntaxKind.QuestionQuestionEqualsToken, ts.SyntaxKind.QuestionQuestionToken],
  [ts.SyntaxKind.BarBarEqualsToken, ts.SyntaxKind.BarBarToken],
  [ts.SyntaxKind.AmpersandAmpersandEqualsToken, ts.SyntaxKind.AmpersandAmpersandToken],
] as const);

function binaryOf(kind: ts.SyntaxKind): ts.BinaryOperator {
  const operator = BINARY.get(kind);
  if (operator === undefined) throw new Error(`no operator for ${ts.SyntaxKind[kind]}`);
  return operator;
}
