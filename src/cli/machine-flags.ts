import type { Command } from 'commander';
import { UsageError } from '../nt/index.js';
import { ORDERINGS, parseOrderings } from '../machine/ordering.js';
import type { MachineConfig, Scenario } from '../machine/scenario.js';
import { ADDRESSING, LIMITS } from '../machine/scenario-schema.js';
import { workloadDefaults } from '../workload/config.js';
import { choice } from './choice.js';
import { faultPlan, faultSpec, type FaultSpec } from './fault-spec.js';
import { given } from './given.js';
import type { MachineOptions, Ratio } from './lab.js';
import { chance, count } from './numbers.js';

/** Flags that shape the machine and its traffic; every command that executes a scenario takes them. */
export interface MachineFlags {
  readonly outstanding?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly devices?: number;
  readonly mapRegisters?: number;
  readonly addressing?: MachineConfig['addressing'];
  readonly ordering?: MachineConfig['ordering'];
  readonly cancel?: Ratio;
  readonly powerCycle?: Ratio;
  readonly unplug?: Ratio;
  readonly faults?: FaultSpec;
}

/** What `--ordering` is, wherever it is taken. */
export const ORDERING_TITLE = `orders left to the schedule: none, all, or a list of ${ORDERINGS.join(', ')} (docs/ordering.md)`;

export function addMachineFlags(command: Command): Command {
  return command
    .option('--outstanding <n>', 'closed loop: requests in flight per device', count('--outstanding', LIMITS.outstandingMax))
    .option('--min-bytes <n>', 'smallest transfer', count('--min-bytes', LIMITS.transferBytesMax))
    .option('--max-bytes <n>', 'largest transfer', count('--max-bytes', LIMITS.transferBytesMax))
    .option('--devices <n>', 'instances of each device of the scenario', count('--devices', LIMITS.devicesMax))
    .option('--map-registers <n>', "map registers in the platform's pool", count('--map-registers', LIMITS.mapRegistersMax))
    .option('--addressing <how>', `how devices see memory: ${ADDRESSING.join(', ')}`, choice('--addressing', ADDRESSING))
    .option('--ordering <list>', ORDERING_TITLE, parseOrderings)
    .option('--cancel <share>', 'share of requests to cancel while they live, such as 0.2 or 1/5, in millionths', chance('--cancel'))
    .option('--power-cycle <chance>', 'chance per request that its device goes to D3 and back', chance('--power-cycle'))
    .option('--unplug <chance>', "chance per request that its device is pulled out, which ends the device's traffic", chance('--unplug'))
    .option('--faults <spec>', 'inject faults: none, survived, all, or KIND=N/D,... such as hang=1/500', faultSpec);
}

/** Throws UsageError for flags that do not fit each other or the scenario. */
export function machineOptions(flags: MachineFlags, scenario: Scenario): MachineOptions {
  checkLengths(flags, scenario);
  return {
    ...given('outstanding', flags.outstanding),
    ...given('minBytes', flags.minBytes),
    ...given('maxBytes', flags.maxBytes),
    ...given('devices', flags.devices),
    ...given('mapRegisters', flags.mapRegisters),
    ...given('addressing', flags.addressing),
    ...given('ordering', flags.ordering),
    ...given('cancel', flags.cancel),
    ...given('powerCycle', flags.powerCycle),
    ...given('unplug', flags.unplug),
    ...given('faults', flags.faults === undefined ? undefined : faultPlan(flags.faults, scenario)),
  };
}

/** Each flag is right by itself; together with the scenario's own lengths they may not be. */
function checkLengths(flags: MachineFlags, scenario: Scenario): void {
  for (const device of scenario.devices) {
    const own = { ...workloadDefaults, ...scenario.workload, ...device.workload };
    const minBytes = flags.minBytes ?? own.minBytes;
    const maxBytes = flags.maxBytes ?? own.maxBytes;
    if (minBytes <= maxBytes) continue;
    const isMin = flags.minBytes !== undefined;
    const bound = isMin
      ? `at most the largest transfer, which is ${maxBytes} bytes`
      : `at least the smallest transfer, which is ${minBytes} bytes`;
    const other =
      flags.minBytes !== undefined && flags.maxBytes !== undefined ? '' : `; or give ${isMin ? '--max-bytes' : '--min-bytes'} too`;
    throw new UsageError('USAGE_BAD_LENGTHS', `no transfer can be from ${minBytes} to ${maxBytes} bytes long (device '${device.name}')`, {
      where: isMin ? '--min-bytes' : '--max-bytes',
      expected: `${bound}${other}`,
    });
  }
}
