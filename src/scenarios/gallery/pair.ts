import { defineScenario, type DriverConfig, type Scenario, type ScenarioConfig } from '../../index.js';

/** A defect and its repaired twin: two drivers, everything else the same. */
export interface GalleryPair {
  readonly defect: Scenario;
  readonly repaired: Scenario;
}

/** What the twins share: the device under the driver, its traffic, the machine. */
export interface GalleryGround extends Pick<ScenarioConfig, 'workload' | 'machine' | 'survives'> {
  readonly name: string;
  /** What the driver does, said of both. */
  readonly title: string;
  readonly model: string;
  readonly params?: Readonly<Record<string, number>>;
  /** Devices, each with such a driver. Default 1. */
  readonly boards?: number;
  readonly defect: DriverConfig;
  readonly repaired: DriverConfig;
}

/** Two scenarios that differ in nothing but the driver; the repaired one is called `NAME-repaired`. */
export function pair({ name, title, model, params, boards = 1, defect, repaired, ...ground }: GalleryGround): GalleryPair {
  const scenario = (suffix: string, driver: DriverConfig): Scenario =>
    defineScenario({
      ...ground,
      name: `${name}${suffix}`,
      title,
      kind: 'gallery',
      devices: Array.from({ length: boards }, (_, i) => ({
        name: boards === 1 ? 'board' : `board-${i + 1}`,
        model,
        ...(params === undefined ? {} : { params }),
        driver,
      })),
    });
  return { defect: scenario('', defect), repaired: scenario('-repaired', repaired) };
}
