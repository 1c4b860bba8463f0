// Folders of chats. As in the original, a deleted chat's id stays in its folder.
import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import { createId } from '../ids';

interface DFolder {
  id: string;
  title: string;
  conversationIds: string[];
  color?: string;
}

interface FoldersState {
  folders: DFolder[];
  enableFolders: boolean;
}

export const useFolders = create<FoldersState>()(
  persist((): FoldersState => ({ folders: [], enableFolders: false }), { name: 'app-folders' }),
);

export function createFolder(title: string, conversationIds: string[]): void {
  useFolders.setState(({ folders }) => ({
    folders: [...folders, { id: createId(), title, conversationIds, color: '#068fa6' }],
    enableFolders: true,
  }));
}
