// The app's cost counters only ever add up. As whole documents two devices would take away what the other counted, so
// what was added goes to the server as cost entries.
import type { DocumentValue, Edit } from '../../client/src/edit.js';
import type { Entry } from '../../client/src/entry.js';
import { isObject } from '../../client/src/json.js';
import { native } from './native.js';
import { newId } from '../../client/src/new-id.js';
import { documentOf } from './value.js';

type Counters = Record<string, number>;
type Services = Record<string, Counters>;

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

/** What was added between two texts of the store; nothing when a counter went down, which no use of a model does. */
export function costs(before: string | null, now: string): Edit[] | undefined {
  const old = before === null ? {} : servicesOf(documentOf(before));
  const edits: Edit[] = [];
  const services = Object.entries(servicesOf(documentOf(now)));
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
        debugCostSource: 'bridge',
      };
      edits.push({ kind: 'cost', op: 'add', id: newId(), value });
    }
  }
  return edits;
}

/** What the server has, and the entries that it does not have yet. */
export function withCosts(theirs: DocumentValue, pending: readonly Entry[]): DocumentValue {
  const services: Services = { ...servicesOf(theirs) };
  for (const { body } of pending) {
    const entry = native.parse(body ?? '{}') as {
      serviceId: string;
      costs: { $c: number; $cdCache: number; $code?: string };
      inputTokens: number;
      outputTokens: number;
    };
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
