import { workerData } from 'piscina';
import { TransferEngine, type TransferDone, type TransferMessage, type TransferPlan } from './transfer.js';

/** The entry of the piscina peer: one task a request. */
let engine: TransferEngine | null = null;

export function transfer(message: TransferMessage): TransferDone {
  engine ??= new TransferEngine(workerData as TransferPlan);
  return engine.perform(message);
}
