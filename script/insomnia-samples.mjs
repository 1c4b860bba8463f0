// What the Insomnia collection sends, by method and path (parameters written as {}), and the order of its
// groups. An operation without an entry is sent with the examples of openapi.json.
//
// Of an entry: `ids` fill the path's parameters; `body: null` sends none, `text` is a body as it stands; `answers` is the status where it is not the first 2xx of the
// document; `keep` is an after-response script (Insomnia runs it, and so does our runner); `place` overrides
// where in its group the request stands (PUT and POST 1, PATCH 2, GET 3, DELETE 9).

export const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'];

export const GROUPS = [
  { name: 'Health', paths: ['/api/health', '/metrics', '/openapi.json', '/api/docs'] },
  { name: 'Stores', paths: ['/api/stores'] },
  { name: 'Assets', paths: ['/api/assets'] },
  { name: 'Chats', paths: ['/api/chats'] },
  { name: 'Folders', paths: ['/api/folders'] },
  { name: 'Models', paths: ['/api/llms', '/api/openai-models', '/api/test-ai'] },
  { name: 'Personas', paths: ['/api/personas'] },
  { name: 'Workspace', paths: ['/api/workspace'] },
  { name: 'Costs', paths: ['/api/metrics', '/api/usage'] },
  { name: 'Import and export', paths: ['/api/imports', '/api/export'] },
  { name: 'Batch', paths: ['/api/batch'] },
  { name: 'Changes', paths: ['/api/changes', '/api/state'] },
  { name: 'History', paths: ['/api/history'] },
  { name: 'Requests', paths: ['/api/requests', '/api/reports'] },
  { name: 'Backups', paths: ['/api/backups'] },
];

const CHAT = 'sample-chat';
const MESSAGE = 'sample-message';
const FOLDER = 'sample-folder';
const ASSET = 'sample-image';
const SERVICE = 'sample-service';
const MODEL = 'sample-service-model-1';
const PERSONA = 'sample-persona';
const WORKSPACE = 'sample-workspace';
const FILE = 'sample-file';
const STORE = 'app-ui';

/** The smallest PNG: one transparent point. */
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg==';

/** A picture that is text, so that it can stand in a collection. */
const DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>';

const message = (id, role, text) => ({
  id, role, fragments: [{ ft: 'content', fId: `${id}-f`, part: { pt: 'text', text } }],
  tokenCount: 3, created: 1_760_000_000_000, updated: null,
});
const conversation = (id) => ({
  id, messages: [message(MESSAGE, 'user', 'Where is the harbour?'), message('sample-answer', 'assistant', 'Down the hill.')],
  userTitle: 'Harbour', systemPurposeId: 'Generic', created: 1_760_000_000_000, updated: 1_760_000_000_000, tokenCount: 6,
});
const asset = (id) => ({
  id, contextId: 'global', scopeId: 'app-chat', assetType: 'image', label: 'A point',
  data: { mimeType: 'image/png', base64: PIXEL }, origin: { ot: 'user', source: 'attachment', media: 'file' },
  createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z', metadata: { width: 1, height: 1 }, cache: {},
});
const folder = { id: FOLDER, title: 'Travel', conversationIds: [CHAT], color: '#828282' };
const models = {
  sources: [{ id: SERVICE, label: 'Sample', vId: 'localai', setup: {} }],
  llms: [{ id: MODEL, label: 'Model 1', sId: SERVICE, vId: 'localai', interfaces: ['oai-chat'], parameterSpecs: [], initialParameters: {}, contextTokens: null, maxOutputTokens: null, hidden: false, created: 0, description: '' }],
  confServiceId: SERVICE,
  modelAssignments: { primaryChat: { mct: 'model-parametric', domainId: 'primaryChat', modelId: MODEL } },
};
const persona = { id: PERSONA, name: 'Pilot', systemPrompt: 'You know every harbour.', creationDate: '2026-01-01T00:00:00.000Z' };
const cost = { operation: 'addCostEntry', serviceId: SERVICE, costs: { $c: 0.25 }, inputTokens: 10, outputTokens: 20, debugCostSource: 'sample' };
const metrics = { totalCosts: 0, totalSavings: 0, totalInputTokens: 0, totalOutputTokens: 0, usageCount: 0, firstUsageDate: 0, lastUsageDate: 0, freeUsages: 0, noPricingUsages: 0, noTokenUsages: 0, partialMessageUsages: 0, partialPriceUsages: 0 };

/** Keeps the tag of the entity just written, as `If-Match` wants it. */
const KEEP_TAG = 'const b = insomnia.response.json(); insomnia.environment.set("message_tag", `"${b.epoch}-r${b.revision}"`);';

export const SAMPLES = {
  'POST /api/stores': [{ body: { name: STORE, data: { preferredLanguage: 'en', centerMode: 'wide' }, version: 3 } }],
  'POST /api/stores/init': [{ body: null }],
  'GET /api/stores/{}': [{ ids: [STORE] }],
  'PUT /api/stores/{}': [{ ids: [STORE], body: { data: { preferredLanguage: 'en', centerMode: 'full' }, version: 3 } }],
  'DELETE /api/stores/{}': [{ ids: [STORE] }],

  'POST /api/assets': [{ body: asset(ASSET) }],
  'PUT /api/assets/{}': [{ ids: [ASSET], body: asset(ASSET) }],
  'GET /api/assets/{}': [{ ids: [ASSET] }],
  'DELETE /api/assets/{}': [{ ids: [ASSET] }],
  'PUT /api/assets/{}/data': [{ ids: [ASSET], type: 'image/svg+xml', body: DRAWING }],
  'GET /api/assets/{}/data': [{ ids: [ASSET] }],

  'POST /api/chats': [{ body: { conversation: conversation('sample-other-chat') } }],
  'PUT /api/chats/{}': [{ ids: [CHAT], body: { conversation: conversation(CHAT) } }],
  'GET /api/chats': [
    { name: 'All conversations' },
    { name: 'Summaries', query: { view: 'summary', limit: 50 } },
    { name: 'All conversations, one per line', headers: { Accept: 'application/x-ndjson' } },
  ],
  'GET /api/chats/{}': [{ ids: [CHAT] }],
  'PATCH /api/chats/{}': [{ ids: [CHAT], type: 'application/merge-patch+json', body: { userTitle: 'The harbour' } }],
  'DELETE /api/chats/{}': [{ ids: [CHAT] }],
  'PUT /api/chats/{}/messages/{}': [{ ids: [CHAT, MESSAGE], body: message(MESSAGE, 'user', 'Where is the old harbour?'), keep: KEEP_TAG }],
  'POST /api/chats/{}/messages/{}/append': [{ ids: [CHAT, MESSAGE], body: { fragment: 0, text: ' And the new one?' }, headers: { 'If-Match': '{{ _.message_tag }}' } }],
  'GET /api/chats/{}/messages': [{ ids: [CHAT] }],
  'GET /api/chats/{}/messages/{}': [{ ids: [CHAT, MESSAGE] }],
  'DELETE /api/chats/{}/messages/{}': [{ ids: [CHAT, MESSAGE] }],

  'PUT /api/folders': [{ body: { folders: [folder], enableFolders: true } }],
  'PUT /api/folders/{}': [{ ids: [FOLDER], body: folder }],
  'GET /api/folders/{}': [{ ids: [FOLDER] }],
  'PATCH /api/folders/{}': [{ ids: [FOLDER], type: 'application/merge-patch+json', body: { title: 'Journeys' } }],
  'DELETE /api/folders/{}': [{ ids: [FOLDER] }],
  'PUT /api/folders/{}/conversations/{}': [{ ids: [FOLDER, CHAT], body: null }],
  'DELETE /api/folders/{}/conversations/{}': [{ ids: [FOLDER, CHAT] }],

  'POST /api/llms': [{ body: models }],
  'PUT /api/llms/{}': [
    { name: 'Change a service', ids: [SERVICE], body: { label: 'Sample service' } },
    { name: 'Change a model', ids: [MODEL], body: { userLabel: 'My model' } },
  ],
  'GET /api/llms/{}': [{ name: 'A service', ids: [SERVICE] }, { name: 'A model', ids: [MODEL] }],
  'DELETE /api/llms/{}': [{ name: 'Delete a model', ids: [MODEL] }, { name: 'Delete a service', ids: [SERVICE] }],
  'GET /api/openai-models': [{ answers: 400 }],
  'POST /api/test-ai': [{ body: { prompt: 'Hello' }, answers: 500 }],

  'POST /api/reports': [{ body: { kind: 'shadow', client: 'sample', differences: [] } }],
  'POST /api/personas': [{ body: persona }],
  'PUT /api/personas/custom/{}': [{ ids: [PERSONA], body: persona }],
  'GET /api/personas/custom/{}': [{ ids: [PERSONA] }],
  'DELETE /api/personas/custom/{}': [{ ids: [PERSONA] }],
  'PUT /api/personas/hidden': [{ body: { personaIds: ['Designer'] } }],
  'POST /api/personas/hidden': [{ body: { personaId: 'Scientist' } }],
  'POST /api/personas/hidden/toggle': [{ body: { personaId: 'Scientist' } }],
  'PUT /api/personas/conversation/{}': [{ ids: [CHAT], body: { systemPrompt: 'Answer in one sentence.' } }],
  'GET /api/personas/conversation/{}': [{ ids: [CHAT] }],
  'DELETE /api/personas/conversation/{}': [{ ids: [CHAT] }],

  'POST /api/workspace': [{ body: { liveFilesByWorkspace: { [WORKSPACE]: [FILE] } } }],
  'POST /api/workspace/{}': [
    { name: 'Assign a file', ids: [WORKSPACE], body: { operation: 'assign', fileId: FILE } },
    { name: 'Copy from another workspace', ids: ['sample-copy'], body: { operation: 'copy', sourceWorkspaceId: WORKSPACE } },
    { name: 'Unassign a file', ids: ['sample-copy'], body: { operation: 'unassign', fileId: FILE } },
  ],
  'GET /api/workspace/{}': [{ ids: [WORKSPACE] }],
  'DELETE /api/workspace/{}': [{ ids: [WORKSPACE] }],
  'DELETE /api/workspace/files/{}': [{ ids: [FILE] }],

  'POST /api/metrics': [
    { name: 'Save the metrics document', body: { operation: 'saveStore', data: { serviceMetrics: { [SERVICE]: metrics } } } },
    { name: 'Add a cost entry', body: cost, headers: { 'Idempotency-Key': 'sample-cost-1' } },
  ],
  'GET /api/metrics/{}': [{ ids: [SERVICE] }],
  'DELETE /api/metrics/{}': [{ ids: [SERVICE] }],

  'POST /api/imports': [{
    query: { name: 'one-chat.json' }, body: conversation('sample-imported-chat'), place: 1,
    keep: 'insomnia.environment.set("import_id", insomnia.response.json().import.id);',
  }],
  'GET /api/imports/{}': [{ ids: ['{{ _.import_id }}'], place: 2 }],
  'POST /api/imports/{}/verify': [{ ids: ['{{ _.import_id }}'], place: 3 }],
  'GET /api/imports/{}/events': [{ ids: ['{{ _.import_id }}'], place: 4 }],
  'POST /api/imports/{}/rollback': [{ ids: ['{{ _.import_id }}'], place: 5 }],
  'POST /api/imports/{}/apply': [{ ids: ['{{ _.import_id }}'], place: 6, answers: 409 }],
  'DELETE /api/imports/{}': [{ ids: ['{{ _.import_id }}'], place: 7 }],

  'POST /api/batch': [{ body: { operations: [{ method: 'PATCH', path: `/api/chats/${CHAT}`, body: { userTitle: 'The old harbour' } }] } }],

  'GET /api/history': [{
    query: { kind: 'conversation', id: CHAT }, place: 1,
    keep: 'insomnia.environment.set("kept_revision", insomnia.response.json().versions[0].revision);',
  }],
  'GET /api/history/{}': [{ ids: ['{{ _.kept_revision }}'] }],
  'POST /api/history/restore': [{ type: 'application/json', text: `{ "kind": "conversation", "id": "${CHAT}", "revision": {{ _.kept_revision }} }`, place: 4 }],

  'POST /api/backups': [{ body: null }],
  'GET /api/backups': [{ place: 2, keep: 'insomnia.environment.set("backup_id", insomnia.response.json().backups[0].id);' }],
  'GET /api/backups/{}': [{ ids: ['{{ _.backup_id }}'] }],
  'POST /api/backups/{}/verify': [{ ids: ['{{ _.backup_id }}'], place: 3 }],
};
