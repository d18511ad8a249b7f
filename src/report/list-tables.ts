import type { Scenario } from '../machine/scenario.js';
import { formatTable, type Paint } from './text.js';

/** A device model or strategy as lists show it. */
export interface NamedTitle {
  readonly name: string;
  readonly title: string;
}

function deviceCounts(scenario: Scenario): string {
  const counts = new Map<string, number>();
  for (const { model } of scenario.devices) counts.set(model, (counts.get(model) ?? 0) + 1);
  return [...counts].map(([model, count]) => (count === 1 ? model : `${count} x ${model}`)).join(', ');
}

function formatNamed(kind: string, rows: readonly NamedTitle[], paint: Paint): string {
  return formatTable(
    [{ head: kind }, { head: 'what it is' }],
    rows.map(({ name, title }) => [name, title]),
    paint,
  );
}

/** What `dmalab list` prints. */
export function formatLists(
  lists: { readonly scenarios: readonly Scenario[]; readonly devices: readonly NamedTitle[]; readonly strategies: readonly NamedTitle[] },
  paint: Paint,
): string {
  const columns = [{ head: 'scenario' }, { head: 'kind' }, { head: 'devices' }, { head: 'what it shows' }];
  const scenarios = lists.scenarios.map((scenario) => [scenario.name, scenario.kind, deviceCounts(scenario), scenario.title]);
  return [
    formatTable(columns, scenarios, paint),
    formatNamed('device', lists.devices, paint),
    formatNamed('strategy', lists.strategies, paint),
  ].join('\n\n');
}
