import type { RuleText } from './rule.js';

/** Family B: framework fatal checks: what Windows answers with bug check 0x10D. */
export const frameworkRules: readonly RuleText[] = [
  { id: 'B01', title: 'power callback must not hang', severity: 'crash' },
  { id: 'B02', title: 'no recursive callback-lock / verifier-lock acquisition', severity: 'crash' },
  {
    id: 'B03',
    title: 'request not completed while its transaction is in Transfer or while its WDFMEMORY is referenced',
    severity: 'crash',
  },
  { id: 'B04', title: 'required pointer not NULL', severity: 'crash' },
  { id: 'B05', title: 'handle valid and right type', severity: 'crash' },
  { id: 'B06', title: 'information <= buffer length on success', severity: 'crash' },
  {
    id: 'B07',
    title: 'request removed from the list it is on',
    severity: 'crash',
    notImplementedBecause: 'requests are on lists of the framework alone, which no call of a driver can mix up',
  },
  { id: 'B08', title: 'object deleted by owner, not by dereference', severity: 'crash' },
  { id: 'B09', title: 'initialize only from Created, Reserved, Released', severity: 'crash' },
  { id: 'B10', title: 'execute only from Initialized, once', severity: 'crash' },
  {
    id: 'B11',
    title: 'DmaCompleted* only in Transfer (catches double completion, completion after Final, after Release)',
    severity: 'crash',
  },
  { id: 'B12', title: 'GetTransferInfo only in Initialized', severity: 'crash' },
  { id: 'B13', title: 'AllocateResources state; count 0 needs Initialized', severity: 'crash' },
  { id: 'B14', title: 'no second reservation', severity: 'crash' },
  { id: 'B15', title: 'FreeResources not in Created, Transfer, Deleted', severity: 'crash' },
  { id: 'B16', title: 'cancel not in Created, Released, Deleted', severity: 'crash' },
  { id: 'B17', title: 'release not in Transfer', severity: 'crash' },
  { id: 'B18', title: 'delete not in Transfer', severity: 'crash' },
  { id: 'B19', title: 'StopSystemTransfer once per Initialize', severity: 'crash' },
  { id: 'B20', title: 'queue state DDIs succeed (one pending notification at a time, queue alive)', severity: 'crash' },
  { id: 'B21', title: 'lock object supports locking / spin lock released by its owner', severity: 'crash' },
  { id: 'B22', title: 'callback returns at the IRQL it was entered (enhanced verifier)', severity: 'crash' },
  {
    id: 'B23',
    title: 'callback leaves no critical region open',
    severity: 'crash',
    notImplementedBecause: 'there are no critical regions: threads take no kernel APCs here',
  },
  {
    id: 'B24',
    title: 'PnP/power IRP protocol',
    severity: 'crash',
    notImplementedBecause: 'PnP and power requests reach drivers as callbacks only, never as IRPs to be passed on',
  },
];
