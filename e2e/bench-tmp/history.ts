// The history that everything is measured with: the same in every run, 20 messages of about 1 kB per chat.

/** Self-contained, because it also runs inside a page. */
export function history(conversations: number): string {
  const words = 'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor'.split(' ');
  let seed = 42;
  const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
  const text = (length: number) => {
    let made = '';
    while (made.length < length) made += `${words[random(words.length)]} `;
    return made;
  };
  const message = (chat: number, index: number) => ({
    id: `message-${chat}-${index}`.padEnd(21, '_'),
    role: index % 2 ? 'assistant' : 'user',
    fragments: [{ ft: 'content', fId: `f${index}`.padEnd(8, '_'), part: { pt: 'text', text: text(780) } }],
    ...(index % 2
      ? { generator: { mgt: 'aix', name: 'small', aix: { vId: 'openai', mId: 'openai-small' } } }
      : {}),
    userFlags: [],
    tokenCount: 200,
    created: 1_795_000_000_000 - chat * 60_000 + index,
    updated: null,
  });
  const state = {
    conversations: Array.from({ length: conversations }, (_, chat) => ({
      id: `conversation-${chat}`.padEnd(21, '_'),
      messages: Array.from({ length: 20 }, (_, index) => message(chat, index)),
      autoTitle: `Conversation ${chat}`,
      systemPurposeId: 'Generic',
      tokenCount: 4_000,
      created: 1_795_000_000_000 - chat * 60_000,
      updated: 1_795_000_000_000 - chat * 60_000,
    })),
  };
  return JSON.stringify({ state, version: 4 });
}
