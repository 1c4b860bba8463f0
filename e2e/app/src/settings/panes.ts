// Which chat is open in this window, and which were.
import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import { createId } from '../ids';

interface ChatPane {
  paneId: string;
  conversationId: string | null;
  history: string[];
  historyIndex: number;
}

interface PanesState {
  chatPanes: ChatPane[];
  chatPaneFocusIndex: number | null;
}

const HISTORY = 10;

export const usePanes = create<PanesState>()(
  persist((): PanesState => ({ chatPanes: [], chatPaneFocusIndex: null }), { name: 'app-app-chat-panes-2' }),
);

export function openChat(conversationId: string): void {
  usePanes.setState(({ chatPanes }) => {
    const pane = chatPanes[0];
    const history = [...(pane?.history ?? []), conversationId].slice(-HISTORY);
    return {
      chatPanes: [
        { paneId: pane?.paneId ?? createId(), conversationId, history, historyIndex: history.length - 1 },
      ],
      chatPaneFocusIndex: 0,
    };
  });
}

export function useOpenChatId(): string | null {
  return usePanes(({ chatPanes }) => chatPanes[0]?.conversationId ?? null);
}
