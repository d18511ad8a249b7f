import { expect } from 'chai';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { gallery } from '../../src/scenarios/index.js';
import { rules } from '../../src/verifier/index.js';

/** Ids that checks report: string literals of a rule's form anywhere in the sources outside the catalogue. */
function reportedIds(): Set<string> {
  const found = new Set<string>();
  const visit = (path: string): void => {
    if (statSync(path).isDirectory()) {
      if (!path.endsWith('verifier')) for (const name of readdirSync(path)) visit(join(path, name));
    } else if (path.endsWith('.ts')) {
      for (const match of readFileSync(path, 'utf8').matchAll(/'([ABCD]\d\d|L-[A-Z-]+)'/g)) found.add(match[1]!);
    }
  };
  visit('src');
  return found;
}

describe('the catalogue of rules', () => {
  it('has the 36 + 24 + 30 + 63 rules of families A to D, each id once', () => {
    const count = (family: string): number => rules.filter((rule) => rule.id.startsWith(family)).length;
    expect([count('A'), count('B'), count('C'), count('D')]).to.deep.equal([36, 24, 30, 63]);
    expect(new Set(rules.map((rule) => rule.id)).size).to.equal(rules.length);
  });

  it('knows every rule that some check reports', () => {
    const known = new Set(rules.map((rule) => rule.id));
    expect([...reportedIds()].filter((id) => !known.has(id))).to.deep.equal([]);
  });

  it('says implemented exactly of those that some check reports', () => {
    const reported = reportedIds();
    expect(rules.filter((rule) => rule.implemented !== reported.has(rule.id)).map((rule) => rule.id)).to.deep.equal([]);
  });

  it("gives a reason only for rules that nothing reports, and for all of Windows' and the framework's own that are not checked", () => {
    const reasoned = rules.filter((rule) => rule.notImplementedBecause !== undefined);
    expect(reasoned.filter((rule) => rule.implemented)).to.deep.equal([]);
    const open = rules.filter(
      ({ id, implemented, notImplementedBecause }) => /^[ABC]/.test(id) && !implemented && notImplementedBecause === undefined,
    );
    expect(open.map(({ id }) => id)).to.deep.equal([]);
  });

  it('says of a rule without a check as which ones its violations are found, and those are checked', () => {
    const checked = new Set(rules.filter(({ implemented }) => implemented).map(({ id }) => id));
    for (const { id, implemented, reportedAs = [] } of rules) {
      if (implemented) expect(reportedAs, id).to.deep.equal([]);
      expect(
        reportedAs.filter((each) => !checked.has(each)),
        id,
      ).to.deep.equal([]);
    }
  });

  it('agrees with the gallery: a defect that breaks a rule is found as that rule, or as one it is said to be found as', () => {
    const byId = new Map(rules.map((rule) => [rule.id, rule]));
    const wrong = gallery.flatMap(({ defect: { name }, expects, defectText }) => {
      const broken = defectText.match(/\bD\d\d\b/g) ?? [];
      const fits = (id: string): boolean =>
        id === expects || byId.get(id)!.implemented || (byId.get(id)!.reportedAs?.includes(expects) ?? false);
      return broken.filter((id) => !fits(id)).map((id) => `${name} breaks ${id} and is found as ${expects}`);
    });
    expect(wrong).to.deep.equal([]);
  });
});
