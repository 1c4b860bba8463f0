import { useState } from 'react';
import { addDraft, send } from '../chats/answer';
import type { DBlobAsset } from '../images/assets-db';

export function Composer({ conversationId }: { conversationId: string }) {
  const [text, setText] = useState('');
  const [images, setImages] = useState<DBlobAsset[]>([]);

  const submit = () => {
    if (!text.trim()) return;
    void send(conversationId, text, images);
    setText('');
    setImages([]);
  };

  const attach = async (input: HTMLInputElement) => {
    const files = [...(input.files ?? [])];
    input.value = ''; // so that the same file can be picked again
    for (const file of files) {
      const draft = await addDraft(file);
      setImages((before) => [...before, draft]);
    }
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <textarea
        data-testid="composer"
        aria-label="Message"
        placeholder="Write a message. TOK80 asks for 80 tokens."
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey) return;
          event.preventDefault();
          submit();
        }}
      />
      <label className="button">
        Attach
        <input
          type="file"
          accept="image/*"
          hidden
          data-testid="attach"
          onChange={(event) => void attach(event.target)}
        />
      </label>
      {images.map(({ id, label }) => (
        <small key={id} data-testid="draft">
          {label}
        </small>
      ))}
      <button className="primary" data-testid="send">
        Send
      </button>
    </form>
  );
}
