// Services with their keys, and their models.
import { create } from 'zustand';
import { persist } from 'zustand/middleware';

interface DModelsService {
  id: string;
  label: string;
  vId: string;
  setup: Record<string, unknown>;
}

interface DLLM {
  id: string;
  label: string;
  created: number;
  description: string;
  hidden: boolean;
  contextTokens: number | null;
  maxOutputTokens: number | null;
  interfaces: string[];
  parameterSpecs: unknown[];
  initialParameters: Record<string, unknown>;
  sId: string;
  vId: string;
}

interface ModelsState {
  llms: DLLM[];
  sources: DModelsService[];
  confServiceId: string | null;
  modelAssignments: Record<string, unknown>;
}

export const useModels = create<ModelsState>()(
  persist((): ModelsState => ({ llms: [], sources: [], confServiceId: null, modelAssignments: {} }), {
    name: 'app-models',
    version: 5,
    migrate: (stored) => stored as ModelsState,
    onRehydrateStorage: () => (state) => {
      if (state) state.llms = state.llms.filter((llm) => state.sources.some(({ id }) => id === llm.sId));
    },
  }),
);

export function addService(oaiKey: string): void {
  useModels.setState(({ sources, llms }) => ({
    sources: [
      ...sources.filter(({ id }) => id !== 'openai'),
      { id: 'openai', label: 'OpenAI', vId: 'openai', setup: { oaiKey } },
    ],
    llms: [...llms.filter(({ sId }) => sId !== 'openai'), model('small'), model('large')],
  }));
}

function model(name: string): DLLM {
  return {
    id: `openai-${name}`,
    label: `Model ${name}`,
    created: 1_718_000_000,
    description: 'A model of the test app.',
    hidden: false,
    contextTokens: 128_000,
    maxOutputTokens: 16_384,
    interfaces: ['oai-chat', 'oai-chat-vision'],
    parameterSpecs: [{ paramId: 'llmTemperature' }],
    initialParameters: { llmTemperature: 0.5 },
    sId: 'openai',
    vId: 'openai',
  };
}
