import ts from 'typescript';
import type { SourceFile } from '../tidy/project.js';

/** Public members by `file Owner.member`; an owner is an exported class, an interface, or a constant object. */
export function publicMembers(files: readonly SourceFile[]): Set<string> {
  const members = new Set<string>();
  for (const { path, text } of files) {
    for (const statement of ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true).statements) {
      for (const { owner, member } of membersOf(statement)) members.add(`${path} ${owner}.${member}`);
    }
  }
  return members;
}

interface Declared {
  readonly owner: string;
  readonly member: string;
}

function membersOf(statement: ts.Statement): Declared[] {
  if (!isExported(statement)) return [];
  if (ts.isClassDeclaration(statement) || ts.isInterfaceDeclaration(statement)) {
    const owner = statement.name?.text ?? '';
    const names = statement.members.filter(isPublic).flatMap((member: ts.ClassElement | ts.TypeElement) => declaredNames(member));
    return names.map((member) => ({ owner, member }));
  }
  if (!ts.isVariableStatement(statement)) return [];
  return statement.declarationList.declarations.flatMap(({ name, initializer }) =>
    objectLiteral(initializer).flatMap((property) => declaredNames(property).map((member) => ({ owner: name.getText(), member }))),
  );
}

function isExported(statement: ts.Statement): boolean {
  return ts.canHaveModifiers(statement) && (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
}

/** A hidden constructor still declares the properties among its parameters. */
function isPublic(member: ts.ClassElement | ts.TypeElement): boolean {
  if (ts.isConstructorDeclaration(member)) return true;
  const hidden: readonly ts.SyntaxKind[] = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword];
  return !(ts.canHaveModifiers(member) && (ts.getModifiers(member) ?? []).some(({ kind }) => hidden.includes(kind)));
}

/** The member's own name; of a constructor the properties among its parameters. */
function declaredNames(member: ts.ClassElement | ts.TypeElement | ts.ObjectLiteralElementLike): string[] {
  if (ts.isConstructorDeclaration(member)) {
    return member.parameters.filter((parameter) => isPublicProperty(parameter)).map((parameter) => parameter.name.getText());
  }
  return member.name !== undefined && ts.isIdentifier(member.name) ? [member.name.text] : [];
}

function isPublicProperty(parameter: ts.ParameterDeclaration): boolean {
  const kinds = (ts.getModifiers(parameter) ?? []).map(({ kind }) => kind);
  return kinds.length > 0 && !kinds.includes(ts.SyntaxKind.PrivateKeyword) && !kinds.includes(ts.SyntaxKind.ProtectedKeyword);
}

function objectLiteral(expression: ts.Expression | undefined): readonly ts.ObjectLiteralElementLike[] {
  if (expression === undefined) return [];
  if (ts.isAsExpression(expression) || ts.isSatisfiesExpression(expression)) return objectLiteral(expression.expression);
  return ts.isObjectLiteralExpression(expression) ? expression.properties : [];
}
