import { useEffect, useState } from 'react';
import { createConversation } from '../chats/conversation';
import { useChats } from '../chats/store-chats';
import { openChat, useOpenChatId } from '../settings/panes';
import { transferHere, useTab } from '../single-tab';
import { ChatView } from './chat-view';
import { Drawer } from './drawer';

export function App() {
  const role = useTab((state) => state.role);
  if (role === 'asking') return null;
  if (role === 'follower') return <OtherTab />;
  return <Chat />;
}

function OtherTab() {
  return (
    <main className="other-tab" data-testid="other-tab">
      <h1>The app is open in another tab</h1>
      <p>Close the other tab, or go on here.</p>
      <button className="primary" data-testid="transfer" onClick={transferHere}>
        Transfer here
      </button>
    </main>
  );
}

function Chat() {
  const hydrated = useHydrated();
  const conversations = useChats((state) => state.conversations);
  const openId = useOpenChatId();
  const open = conversations.find(({ id }) => id === openId) ?? conversations[0];

  useEffect(() => {
    if (hydrated && open && open.id !== openId) openChat(open.id);
  }, [hydrated, open, openId]);

  if (!hydrated || !open) return <p className="loading">Loading…</p>;
  return (
    <div className="layout">
      <Drawer conversations={conversations} openId={open.id} onNew={newChat} />
      <ChatView key={open.id} conversation={open} />
    </div>
  );
}

function newChat(isIncognito = false) {
  const conversation = createConversation(isIncognito);
  useChats.getState().prepend(conversation);
  openChat(conversation.id);
}

function useHydrated(): boolean {
  const [hydrated, setHydrated] = useState(useChats.persist.hasHydrated());
  useEffect(() => useChats.persist.onFinishHydration(() => setHydrated(true)), []);
  return hydrated;
}
