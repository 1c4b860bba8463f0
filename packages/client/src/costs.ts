// The app's cost counters only ever add up. As whole documents two devices would take away what the other counted, so
// what was added goes to the server as cost entries.
import type { DocumentValue, Edit } from './edit.js';
import type { Entry } from './entry.js';
import { isObject } from './json.js';
import { newId } from './new-id.js';

type Counters = Record<string, number>;
type Services = Record<string, Counters>;
type CostEdit = Extract<Edit, { kind: 'cost' }>;

/** A cost entry, as `POST /api/metrics` takes it. */
interface CostEntry {
  serviceId: string;
  costs: { $c: number; $cdCache: number; $code?: string };
  inputTokens: number;
  outputTokens: number;
}

const SUMS = ['totalCosts', 'totalSavings', 'totalInputTokens', 'totalOutputTokens', 'usageCount'];

/** What counts the uses of each `$code`. */
const CODES: Record<string, string> = {
  freeUsages: 'free',
  noPricingUsages: 'no-pricing',
  noTokenUsages: 'no-tokens',
  partialMessageUsages: 'partial-msg',
  partialPriceUsages: 'partial-price',
};

function servicesOf({ data }: DocumentValue): Services {
  return isObject(data) && isObject(data['serviceMetrics']) ? (data['serviceMetrics'] as Services) : {};
}

/** What was added between two values of the store; nothing when a counter went down, which no use of a model does. */
export function costEdits(before: DocumentValue | null, now: DocumentValue): CostEdit[] | undefined {
  const old = before === null ? {} : servicesOf(before);
  const edits: CostEdit[] = [];
  const services = Object.entries(servicesOf(now));
  if (Object.keys(old).some((id) => !services.some(([other]) => other === id))) return undefined;
  for (const [serviceId, counters] of services) {
    const added = (name: string) => (counters[name] ?? 0) - (old[serviceId]?.[name] ?? 0);
    if ([...SUMS, ...Object.keys(CODES)].some((name) => added(name) < 0)) return undefined;
    const codes = Object.entries(CODES).flatMap(([name, code]) => Array<string>(added(name)).fill(code));
    // One entry for each use. The app writes after each, so there is only ever one.
    for (let use = 0; use < added('usageCount'); use += 1) {
      const sum = (name: string) => (use === 0 ? added(name) : 0);
      const code = codes[use];
      const value = {
        operation: 'addCostEntry',
        serviceId,
        // The store counts dollars, entries are in cents.
        costs: {
          $c: sum('totalCosts') * 100,
          $cdCache: sum('totalSavings') * 100,
          ...(code === undefined ? {} : { $code: code }),
        },
        inputTokens: sum('totalInputTokens'),
        outputTokens: sum('totalOutputTokens'),
        debugCostSource: 'browser',
      };
      edits.push({ kind: 'cost', op: 'add', id: newId(), value });
    }
  }
  return edits;
}

/** What the entries among pending writes add. */
export function pendingCosts(pending: readonly Entry[]): CostEntry[] {
  return pending.flatMap(({ kind, body }) =>
    kind === 'cost' && body ? [JSON.parse(body) as CostEntry] : [],
  );
}

/** What the server has, and what it does not have yet. */
export function withCosts(theirs: DocumentValue, entries: readonly object[]): DocumentValue {
  const services: Services = { ...servicesOf(theirs) };
  for (const entry of entries as readonly CostEntry[]) {
    const { $c, $cdCache, $code } = entry.costs;
    const counters: Counters = { ...services[entry.serviceId] };
    const add = (name: string, amount: number) => (counters[name] = (counters[name] ?? 0) + amount);
    add('totalCosts', $c / 100);
    add('totalSavings', $cdCache / 100);
    add('totalInputTokens', entry.inputTokens);
    add('totalOutputTokens', entry.outputTokens);
    add('usageCount', 1);
    for (const [name, code] of Object.entries(CODES)) add(name, code === $code ? 1 : 0);
    counters['lastUsageDate'] = Date.now();
    counters['firstUsageDate'] ??= Date.now();
    services[entry.serviceId] = counters;
  }
  const data = isObject(theirs.data) ? theirs.data : {};
  return { ...theirs, data: { ...data, serviceMetrics: services } };
}
