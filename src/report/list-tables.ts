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

/** Planted defects; each has a twin without it, called NAME-repaired. */
function formatGallery(
  lists: { readonly scenarios: readonly Scenario[]; readonly gallery: readonly { readonly defect: string; readonly expects: string }[] },
  paint: Paint,
): string {
  const columns = [{ head: 'gallery (NAME, NAME-repaired)' }, { head: 'devices' }, { head: 'finding' }, { head: 'what the driver does' }];
  const rows = lists.gallery.map(({ defect, expects }) => {
    const scenario = lists.scenarios.find(({ name }) => name === defect)!;
    return [defect, deviceCounts(scenario), expects, scenario.title];
  });
  return formatTable(columns, rows, paint);
}

/** What `dmalab list` prints. */
export function formatLists(
  lists: {
    readonly scenarios: readonly Scenario[];
    readonly gallery: readonly { readonly defect: string; readonly expects: string }[];
    readonly devices: readonly NamedTitle[];
    readonly strategies: readonly NamedTitle[];
  },
  paint: Paint,
): string {
  const columns = [{ head: 'scenario' }, { head: 'kind' }, { head: 'devices' }, { head: 'what it shows' }];
  const samples = lists.scenarios.filter(({ kind }) => kind !== 'gallery');
  return [
    formatTable(
      columns,
      samples.map((scenario) => [scenario.name, scenario.kind, deviceCounts(scenario), scenario.title]),
      paint,
    ),
    ...(lists.gallery.length === 0 ? [] : [formatGallery(lists, paint)]),
    formatNamed('device', lists.devices, paint),
    formatNamed('strategy', lists.strategies, paint),
  ].join('\n\n');
}
