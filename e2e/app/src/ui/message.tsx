import { memo, useEffect, useState } from 'react';
import { assetIdsOf, textFragment, textOf, type DMessage } from '../chats/message';
import { useChats } from '../chats/store-chats';
import { assets } from '../images/assets-db';

interface Props {
  conversationId: string;
  message: DMessage;
}

export const Message = memo(function Message({ conversationId, message }: Props) {
  const [draft, setDraft] = useState<string | null>(null);
  const { edit } = useChats.getState();
  const starred = message.userFlags?.includes('starred') ?? false;

  const save = () => {
    const others = message.fragments.filter(({ part }) => part.pt !== 'text');
    edit(
      conversationId,
      message.id,
      { fragments: [textFragment(draft ?? ''), ...others], updated: Date.now() },
      true,
    );
    setDraft(null);
  };

  const star = () => {
    const others = (message.userFlags ?? []).filter((flag) => flag !== 'starred');
    edit(conversationId, message.id, { userFlags: starred ? others : [...others, 'starred'] }, true);
  };

  return (
    <li
      className={message.role}
      data-testid="message"
      data-id={message.id}
      data-pending={!!message.pendingIncomplete}
    >
      {assetIdsOf(message).map((id) => (
        <StoredImage key={id} id={id} />
      ))}
      {draft === null ? (
        <p data-testid="text">{textOf(message)}</p>
      ) : (
        <textarea data-testid="edit-text" value={draft} onChange={(event) => setDraft(event.target.value)} />
      )}
      <footer>
        <button data-testid="star" aria-pressed={starred} title="Star" onClick={star}>
          {starred ? '★' : '☆'}
        </button>
        {draft === null ? (
          <button data-testid="edit" onClick={() => setDraft(textOf(message))}>
            Edit
          </button>
        ) : (
          <button data-testid="save" onClick={save}>
            Save
          </button>
        )}
        {message.generator?.metrics && <small>{message.generator.metrics.TOut} tokens</small>}
      </footer>
    </li>
  );
});

/** Shown from the stored bytes, never from the file that was picked. */
function StoredImage({ id }: { id: string }) {
  const [url, setUrl] = useState('');
  useEffect(() => {
    let made = '';
    void assets.get(id).then((asset) => {
      if (!asset) return;
      const bytes = Uint8Array.from(atob(asset.data.base64), (char) => char.charCodeAt(0));
      setUrl((made = URL.createObjectURL(new Blob([bytes], { type: asset.data.mimeType }))));
    });
    return () => URL.revokeObjectURL(made);
  }, [id]);
  return url ? (
    <img data-testid="image" src={url} alt="" />
  ) : (
    <span className="missing">Image not found</span>
  );
}
