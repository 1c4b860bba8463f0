import { titleOf, type DConversation } from '../chats/conversation';
import { useChats } from '../chats/store-chats';
import { Composer } from './composer';
import { Message } from './message';

export function ChatView({ conversation }: { conversation: DConversation }) {
  const { change, remove } = useChats.getState();
  return (
    <main>
      <header>
        <input
          key={titleOf(conversation)}
          className="grow title"
          data-testid="title"
          aria-label="Title"
          defaultValue={titleOf(conversation)}
          onBlur={({ target }) =>
            target.value !== titleOf(conversation) && change(conversation.id, { userTitle: target.value })
          }
          onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
        />
        <button
          data-testid="archive"
          onClick={() => change(conversation.id, { isArchived: !conversation.isArchived })}
        >
          {conversation.isArchived ? 'Unarchive' : 'Archive'}
        </button>
        <button data-testid="delete" onClick={() => remove([conversation.id])}>
          Delete
        </button>
      </header>
      <ol data-testid="messages">
        {conversation.messages.map((message) => (
          <Message key={message.id} conversationId={conversation.id} message={message} />
        ))}
      </ol>
      <Composer conversationId={conversation.id} />
    </main>
  );
}
