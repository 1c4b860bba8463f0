import { useState } from 'react';
import { titleOf, type DConversation } from '../chats/conversation';
import { createFolder, useFolders } from '../settings/folders';
import { openChat } from '../settings/panes';
import { toggleMode } from '../settings/theme';
import { Backup } from './backup';

interface Props {
  conversations: DConversation[];
  openId: string;
  onNew: (isIncognito?: boolean) => void;
}

export function Drawer({ conversations, openId, onNew }: Props) {
  const [archived, setArchived] = useState(false);
  const shown = conversations.filter((chat) => !!chat.isArchived === archived);
  return (
    <aside>
      <header>
        <h1>Small chat</h1>
        <button data-testid="theme" title="Light or dark" onClick={toggleMode}>
          ◐
        </button>
      </header>
      <div className="row">
        <button className="primary grow" data-testid="new-chat" onClick={() => onNew()}>
          New chat
        </button>
        <button data-testid="new-incognito" title="A chat that is never stored" onClick={() => onNew(true)}>
          Incognito
        </button>
      </div>
      <nav data-testid="chats" aria-label="Chats">
        {shown.slice(0, 200).map((chat) => (
          <button
            key={chat.id}
            data-testid="chat"
            data-id={chat.id}
            aria-current={chat.id === openId}
            onClick={() => openChat(chat.id)}
          >
            {titleOf(chat)}
          </button>
        ))}
      </nav>
      <label className="row">
        <input
          type="checkbox"
          data-testid="show-archived"
          checked={archived}
          onChange={() => setArchived(!archived)}
        />
        Archived
      </label>
      <Folders openId={openId} />
      <Backup />
    </aside>
  );
}

function Folders({ openId }: { openId: string }) {
  const folders = useFolders((state) => state.folders);
  const [title, setTitle] = useState('');
  return (
    <form
      className="folders"
      onSubmit={(event) => {
        event.preventDefault();
        if (title) createFolder(title, [openId]);
        setTitle('');
      }}
    >
      {folders.map((folder) => (
        <span key={folder.id} data-testid="folder" style={{ borderColor: folder.color }}>
          {folder.title}
        </span>
      ))}
      <input
        data-testid="folder-title"
        placeholder="New folder with this chat"
        value={title}
        onChange={(event) => setTitle(event.target.value)}
      />
    </form>
  );
}
