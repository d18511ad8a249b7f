import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as Backends from '../../../src/backends/controlled.js';
import type * as Explore from '../../../src/explore/index.js';
import type { Op } from '../../../src/kernel/index.js';
import type * as KernelRoom from '../../../src/kernel/index.js';
import type { Machine } from '../../../src/machine/machine.js';
import type * as Parameters from '../../../src/machine/parameters.js';
import type { Strand } from '../../../src/machine/strand.js';
import type * as Scenarios from '../../../src/scenarios/index.js';
import type * as Wdf from '../../../src/wdf/index.js';
import type { Strategy } from '../../../src/backends/strategy.js';
import { AccessNotes, StepAccesses } from './access-notes.js';
import { instrument } from './instrument.js';

/** What is audited: a scenario's machine, searched by `dpor` within bounds, so many executions at most. */
export interface Audited {
  readonly scenario: string;
  readonly overrides: Parameters.Overrides;
  readonly bounds: { readonly preemptions?: number; readonly leaps?: number };
  readonly executionsMax: number;
  /** Default: what the steps' footprints say. */
  readonly dependent?: (a: Explore.Footprint, b: Explore.Footprint) => boolean;
}

export interface AuditResult {
  readonly executions: number;
  readonly exhausted: boolean;
  /** Pairs of accesses of two strands to one location, one of them a write: all must be ordered by dependent steps. */
  readonly pairs: number;
  /** Those that are not, by location. */
  readonly unordered: ReadonlyMap<string, number>;
}

/**
 * Locations that say nothing of the machine: counters and records that nobody's behaviour depends on, the processor that
 * runs now, and a lock's owner, at which others look only to see that it is not them.
 */
const NOBODYS = /^(Kernel\.(points|current)|EventRing\.|SpinLock\.#owner)/;

/**
 * The instrumented lab: every read and write of the machine's code is seen, whatever object it goes to. So it can be
 * checked that two steps which conflict anywhere are ordered by steps that depend on each other - that the relation of
 * `dpor` leaves nothing out. Its compiled modules are loaded a second time, from a folder of their own.
 */
export class InstrumentedLab {
  private constructor(
    private readonly folder: string,
    private readonly notes: AccessNotes,
    private readonly backends: typeof Backends,
    private readonly explore: typeof Explore,
    private readonly parameters: typeof Parameters,
    private readonly scenarios: typeof Scenarios,
  ) {}

  static async create(): Promise<InstrumentedLab> {
    const compiled = fileURLToPath(new URL('../../../src', import.meta.url));
    const folder = join(mkdtempSync(join(tmpdir(), 'dmalab-accesses-')), 'lab');
    instrument(compiled, folder, fileURLToPath(new URL('../../../../node_modules', import.meta.url)));
    const room = (path: string): Promise<unknown> => import(pathToFileURL(join(folder, 'src', path)).href);
    const notes = new AccessNotes();
    // Modules look for the notes when they are loaded.
    (globalThis as { $notes?: AccessNotes }).$notes = notes;
    const lab = new InstrumentedLab(
      folder,
      notes,
      (await room('backends/controlled.js')) as typeof Backends,
      (await room('explore/index.js')) as typeof Explore,
      (await room('machine/parameters.js')) as typeof Parameters,
      (await room('scenarios/index.js')) as typeof Scenarios,
    );
    const { Kernel, RaceWatch } = (await room('kernel/index.js')) as typeof KernelRoom;
    const { Request } = (await room('wdf/index.js')) as typeof Wdf;
    lab.#look(Kernel.prototype, ['emit']);
    // Which window a cancellation came in is counted, no more.
    lab.#look(Request.prototype, ['cancelWindow']);
    lab.#look(RaceWatch.prototype, Object.getOwnPropertyNames(RaceWatch.prototype));
    return lab;
  }

  /** The methods and getters of `prototype` only look on, for records: nothing is noted inside. */
  #look(prototype: object, names: readonly string[]): void {
    const { notes } = this;
    for (const name of names) {
      const property = Object.getOwnPropertyDescriptor(prototype, name)!;
      const kind = 'get' in property && property.get !== undefined ? 'get' : 'value';
      const method: unknown = Reflect.get(property, kind);
      if (name === 'constructor' || typeof method !== 'function') continue;
      const muted = function (this: unknown, ...given: unknown[]): unknown {
        return notes.muted(() => method.apply(this, given) as unknown);
      };
      Object.defineProperty(prototype, name, { ...property, [kind]: muted });
    }
  }

  close(): void {
    rmSync(join(this.folder, '..'), { recursive: true, force: true });
  }

  audit({ scenario, overrides, bounds, executionsMax, dependent }: Audited): AuditResult {
    (globalThis as { $notes?: AccessNotes }).$notes = this.notes;
    const found = this.scenarios.builtInScenarios.find(({ name }) => name === scenario)!;
    const one = { ...found, devices: found.devices.slice(0, 1) };
    const backend = new this.backends.ControlledBackend(this.parameters.resolveParameters(one, overrides));
    const search = new AuditedSearch(new this.explore.Dpor('dpor', bounds, dependent), this.notes);
    let executions = 0;
    let exhausted = false;
    while (executions < executionsMax) {
      if (!search.newExecution()) {
        exhausted = true;
        break;
      }
      backend.execute(search, false);
      search.finished();
      executions++;
    }
    return { executions, exhausted, pairs: search.pairs, unordered: search.unordered };
  }
}

/** Passes everything on to the search, notes what each step reads and writes, and compares that with the steps' clocks. */
class AuditedSearch implements Strategy {
  readonly name = 'audited dpor';
  pairs = 0;
  readonly unordered = new Map<string, number>();
  #steps: { readonly strand: number; readonly accesses: StepAccesses }[] = [];
  #redundant = 0;
  readonly #seen = new WeakSet<Strand>();

  constructor(
    private readonly search: Explore.Dpor,
    private readonly notes: AccessNotes,
  ) {}

  watch(machine: Machine, strands: readonly Strand[]): void {
    this.search.watch(machine, strands);
    const { notes } = this;
    const inner = machine.kernel.gate;
    const gate: KernelRoom.Gate = {
      at(op, cpu) {
        // From the point on the scheduler looks around, until somebody performs a step.
        notes.isMuted = true;
        return inner.at(op, cpu);
      },
    };
    machine.kernel.gate = gate;
    for (const strand of strands) if (!this.#seen.has(strand)) this.#observe(strand);
  }

  #observe(strand: Strand): void {
    const { notes } = this;
    this.#seen.add(strand);
    const [advance, isEnabled] = [strand.advance.bind(strand), strand.isEnabled.bind(strand)];
    strand.isEnabled = () => notes.muted(isEnabled);
    strand.advance = (op) => {
      try {
        advance(op);
      } finally {
        notes.isMuted = true;
      }
    };
  }

  newExecution(): boolean {
    this.#steps = [];
    this.notes.forget();
    this.notes.isMuted = true;
    return this.search.newExecution();
  }

  pick(enabled: Int32Array, count: number, current: number): number {
    return this.search.pick(enabled, count, current);
  }

  executed(strand: number, op: Op): void {
    this.notes.isMuted = true;
    this.search.executed(strand, op);
    // What the granularity leaves out belongs to the step that goes on.
    if (this.search.lastSteps.length > this.#steps.length) {
      const accesses = new StepAccesses();
      this.#steps.push({ strand, accesses });
      this.notes.step = accesses;
    }
    this.notes.isMuted = false;
  }

  stopped(): void {
    this.notes.isMuted = true;
    this.notes.step = null;
    this.search.stopped();
  }

  finished(): void {
    this.notes.isMuted = true;
    this.search.finished();
    const { redundant } = this.search.proof;
    if (redundant === this.#redundant) this.#compare();
    this.#redundant = redundant;
  }

  #compare(): void {
    const clocks = this.search.lastSteps;
    const writers = new Map<number, number[]>();
    const readers = new Map<number, number[]>();
    for (const [j, { accesses }] of this.#steps.entries()) {
      const { reads, writes } = accesses;
      const { clock } = clocks[j]!;
      for (const location of reads) this.#against(writers.get(location), j, clock, location);
      for (const location of writes) {
        this.#against(writers.get(location), j, clock, location);
        this.#against(readers.get(location), j, clock, location);
      }
      for (const location of writes) addTo(writers, location, j);
      for (const location of reads) addTo(readers, location, j);
    }
  }

  #against(earlier: readonly number[] | undefined, step: number, clock: Int32Array, location: number): void {
    if (earlier === undefined) return;
    const { strand } = this.#steps[step]!;
    const name = this.notes.names[location]!;
    for (const i of earlier) {
      const other = this.#steps[i]!.strand;
      if (other === strand || NOBODYS.test(name)) continue;
      this.pairs++;
      if (clock[other]! < i) this.unordered.set(name, (this.unordered.get(name) ?? 0) + 1);
    }
  }
}

function addTo(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
