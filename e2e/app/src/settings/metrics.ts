// What the answers of each service cost: counters that only grow.
import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import type { DMetrics } from '../chats/message';

interface ServiceMetrics {
  totalCosts: number;
  totalSavings: number;
  totalInputTokens: number;
  totalOutputTokens: number;
  usageCount: number;
  firstUsageDate: number;
  lastUsageDate: number;
  freeUsages: number;
  noPricingUsages: number;
  noTokenUsages: number;
  partialMessageUsages: number;
  partialPriceUsages: number;
}

interface MetricsState {
  serviceMetrics: Record<string, ServiceMetrics>;
}

export const useMetrics = create<MetricsState>()(
  persist((): MetricsState => ({ serviceMetrics: {} }), { name: 'app-metrics' }),
);

export function addUsage(serviceId: string, { TIn = 0, TOut = 0, $c = 0 }: DMetrics, now = Date.now()): void {
  useMetrics.setState(({ serviceMetrics }) => {
    const before = serviceMetrics[serviceId];
    const after: ServiceMetrics = {
      totalCosts: (before?.totalCosts ?? 0) + $c / 100,
      totalSavings: before?.totalSavings ?? 0,
      totalInputTokens: (before?.totalInputTokens ?? 0) + TIn,
      totalOutputTokens: (before?.totalOutputTokens ?? 0) + TOut,
      usageCount: (before?.usageCount ?? 0) + 1,
      firstUsageDate: before?.firstUsageDate ?? now,
      lastUsageDate: now,
      freeUsages: before?.freeUsages ?? 0,
      noPricingUsages: before?.noPricingUsages ?? 0,
      noTokenUsages: before?.noTokenUsages ?? 0,
      partialMessageUsages: before?.partialMessageUsages ?? 0,
      partialPriceUsages: before?.partialPriceUsages ?? 0,
    };
    return { serviceMetrics: { ...serviceMetrics, [serviceId]: after } };
  });
}
