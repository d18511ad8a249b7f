// @ts-check
/**
 * Typed rule `dmalab/suspending-under-yield-star`.
 *
 * A forgotten `yield*` compiles without a word under strict TypeScript, and the callback silently never runs. So a
 * call whose value is `Suspending<T>` may stand in three places only:
 *
 * 1. directly under `yield*`;
 * 2. as the direct argument for a parameter *declared* as Suspending, which is how the kernel starts code
 *    (`list.push(f())` is not that: the parameter of push is declared as T, and the list would keep an unstarted one);
 * 3. as the value a plain function returns, when its return type is declared, or given by its context, as Suspending.
 */
import ts from 'typescript';

/** `Suspending<T>` is `Generator<number, T, unknown>`; `Generator<number>` of other code leaves TNext at any. A generator that never yields infers never. */
const YIELD_FLAGS = ts.TypeFlags.Number | ts.TypeFlags.Never;

/** @param {ts.TypeChecker} checker @param {ts.Type | undefined} type @returns {boolean} */
function isSuspending(checker, type) {
  if (type === undefined) return false;
  if (type.isUnionOrIntersection()) return type.types.some((part) => isSuspending(checker, part));
  if (type.aliasSymbol?.name === 'Suspending') return true;
  if (type.getSymbol()?.name !== 'Generator') return false;
  const [yielded, , next] = checker.getTypeArguments(/** @type {ts.TypeReference} */ (type));
  if (yielded === undefined || next === undefined) return false;
  return (yielded.flags & YIELD_FLAGS) !== 0 && (next.flags & ts.TypeFlags.Unknown) !== 0;
}

/** The parameter as written, not as instantiated: T of `push(...items: T[])` must not count. @param {ts.TypeChecker} checker @param {ts.CallExpression | ts.NewExpression} call @param {number} index */
function declaredParameterIsSuspending(checker, call, index) {
  const declaration = checker.getResolvedSignature(call)?.declaration;
  if (declaration === undefined || !('parameters' in declaration)) return false;
  const { parameters } = declaration;
  const first = parameters[0];
  const hasThis = first !== undefined && ts.isParameter(first) && first.name.getText() === 'this';
  const parameter = parameters[index + (hasThis ? 1 : 0)];
  if (parameter === undefined || !ts.isParameter(parameter) || parameter.type === undefined) return false;
  return isSuspending(checker, checker.getTypeFromTypeNode(parameter.type));
}

/** @param {ts.TypeChecker} checker @param {ts.SignatureDeclaration} declaration */
function returnsSuspending(checker, declaration) {
  if (declaration.type !== undefined) return isSuspending(checker, checker.getTypeFromTypeNode(declaration.type));
  if (!ts.isArrowFunction(declaration) && !ts.isFunctionExpression(declaration) && !ts.isMethodDeclaration(declaration)) return false;
  const contextual = ts.isMethodDeclaration(declaration) ? contextOfMethod(checker, declaration) : checker.getContextualType(declaration);
  if (contextual === undefined) return false;
  const parts = contextual.isUnion() ? contextual.types : [contextual];
  return parts.some((part) => part.getCallSignatures().some((signature) => isSuspending(checker, signature.getReturnType())));
}

/** Type an object literal's context gives one of its methods. @param {ts.TypeChecker} checker @param {ts.MethodDeclaration} method */
function contextOfMethod(checker, method) {
  if (!ts.isObjectLiteralExpression(method.parent)) return undefined;
  const property = checker.getContextualType(method.parent)?.getProperty(method.name.getText());
  return property === undefined ? undefined : checker.getTypeOfSymbolAtLocation(property, method);
}

const transparent = new Set(['ChainExpression', 'TSNonNullExpression', 'TSAsExpression', 'TSSatisfiesExpression']);
const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** @type {import('eslint').Rule.RuleModule} */
export const suspendingUnderYieldStar = {
  meta: {
    type: 'problem',
    docs: { description: 'Suspending functions are called as `yield* f()` and in no other way' },
    schema: [],
    messages: {
      notUnderYieldStar:
        "'{{callee}}' returns Suspending: it does nothing until it is driven. Call it as `yield* {{callee}}(...)`, " +
        'pass it directly to a parameter declared as Suspending, or return it from a plain function declared to return Suspending.',
      yieldWithoutStar:
        '`yield {{callee}}(...)` hands the unstarted generator to the scheduler as if it were an operation: write `yield* {{callee}}(...)`.',
    },
  },
  create(context) {
    const services = context.sourceCode.parserServices;
    if (services.program === undefined || services.program === null) {
      throw new Error('dmalab/suspending-under-yield-star needs type information: set languageOptions.parserOptions.projectService');
    }
    /** @type {ts.TypeChecker} */
    const checker = services.program.getTypeChecker();
    /** @param {any} node @returns {any} */
    const tsNode = (node) => services.esTreeNodeToTSNodeMap.get(node);

    /** A method's function maps to the TypeScript method itself. @param {any} fn */
    const isPlainStartFunction = (fn) => !fn.generator && !fn.async && returnsSuspending(checker, tsNode(fn));

    /** @param {any} node @param {any} parent */
    function isAllowedUnder(node, parent) {
      switch (parent.type) {
        case 'YieldExpression':
          return parent.delegate;
        case 'CallExpression':
        case 'NewExpression': {
          const index = parent.arguments.indexOf(node);
          return index >= 0 && declaredParameterIsSuspending(checker, tsNode(parent), index);
        }
        case 'ArrowFunctionExpression':
          return parent.body === node && isPlainStartFunction(parent);
        case 'ReturnStatement':
          return isPlainStartFunction(enclosingFunction(parent));
        default:
          return false;
      }
    }

    /** A plain start function may choose what it starts. @param {any} conditional */
    const isReturned = ({ parent }) => parent.type === 'ReturnStatement' && isPlainStartFunction(enclosingFunction(parent));

    return {
      /** @param {any} call */
      CallExpression(call) {
        if (!isSuspending(checker, checker.getTypeAtLocation(tsNode(call)))) return;
        let node = call;
        while (transparent.has(node.parent.type)) node = node.parent;
        if (isBranch(node) && isReturned(node.parent)) return;
        if (isAllowedUnder(node, node.parent)) return;
        const isPlainYield = node.parent.type === 'YieldExpression';
        context.report({
          node: call,
          messageId: isPlainYield ? 'yieldWithoutStar' : 'notUnderYieldStar',
          data: { callee: context.sourceCode.getText(call.callee) },
        });
      },
    };
  },
};

/** @param {any} node */
function isBranch(node) {
  return node.parent.type === 'ConditionalExpression' && node.parent.test !== node;
}

/** @param {any} node */
function enclosingFunction(node) {
  let at = node;
  while (!functions.has(at.type)) at = at.parent;
  return at;
}
