import { expect, test } from 'vitest';

import type { Conversation } from '../src/chat.js';
import { diffChats } from '../src/diff.js';

const message = (id: string, text = id) => ({ id, role: 'user', fragments: [{ ft: 'content', text }] });
const chat = (id: string, ...ids: string[]): Conversation => ({
  id,
  messages: ids.map((m) => message(m)),
  updated: 1,
});
/** What a store's partialize does: new conversation objects around the same messages. */
const partialized = (list: Conversation[]) => list.map((c) => ({ ...c }));
const told = (before: Conversation[], after: Conversation[]) =>
  diffChats(before, after).map((e) => {
    const after = 'after' in e ? ` after "${e.after}"` : '';
    return `${e.op} ${e.kind} ${'parent' in e ? `${e.parent}/` : ''}${e.id}${after}`;
  });

test('a list that was only copied has no changes', () => {
  const before = [chat('a', '1', '2'), chat('b', '3')];
  expect(told(before, partialized(before))).toEqual([]);
});

test('an edited message is one edit, whatever stands around it', () => {
  const before = [chat('a', '1', '2'), chat('b', '3')];
  const after = partialized(before);
  after[0] = { ...chat('a'), messages: [before[0]!.messages[0]!, message('2', 'new')] };
  expect(told(before, after)).toEqual(['put message a/2']);
});

test('a new message says which one it follows, and the first one that it is first', () => {
  const before = [chat('a', '1')];
  const [one] = before[0]!.messages;
  const after = [{ ...before[0]!, messages: [message('0'), one!, message('2'), message('3')] }];
  expect(told(before, after)).toEqual([
    'put message a/0 after ""',
    'put message a/2 after "1"',
    'put message a/3 after "2"',
  ]);
});

test('a removed message is deleted by name', () => {
  const before = [chat('a', '1', '2')];
  const after = [{ ...before[0]!, messages: before[0]!.messages.slice(1) }];
  expect(told(before, after)).toEqual(['delete message a/1']);
});

test('messages in another order, or without usable ids, are written with their conversation', () => {
  const before = [chat('a', '1', '2')];
  expect(told(before, [{ ...before[0]!, messages: [...before[0]!.messages].reverse() }])).toEqual([
    'put conversation a',
  ]);
  const twins = [{ ...before[0]!, messages: [message('1'), message('1', 'twin')] }];
  expect(told(before, twins)).toEqual(['put conversation a']);
  const nameless = [{ ...before[0]!, messages: [{ role: 'user' } as never] }];
  expect(told(before, nameless)).toEqual(['put conversation a']);
});

test('the head is patched member by member, and knows what it was', () => {
  const before = [{ ...chat('a', '1'), autoTitle: 'old', isArchived: true }];
  const { isArchived: _, ...rest } = before[0]!;
  const after = [{ ...rest, autoTitle: 'new', updated: null }];
  expect(diffChats(before, after)).toMatchObject([
    {
      kind: 'head',
      value: { set: { autoTitle: 'new', updated: null }, unset: ['isArchived'] },
      before: { set: { autoTitle: 'old', updated: 1, isArchived: true }, unset: [] },
    },
  ]);
});

test('a running answer’s abort controller is no data', () => {
  const before = [{ ...chat('a', '1'), _abortController: null }];
  expect(told(before, [{ ...before[0]!, _abortController: new AbortController() }])).toEqual([]);
});

test('new conversations at the front are sent from the last to the first, because each goes first', () => {
  const before = [chat('z')];
  expect(told(before, [chat('a'), chat('b'), ...before])).toEqual([
    'put conversation b',
    'put conversation a',
  ]);
});

test('a new conversation further down says which one it follows', () => {
  const before = [chat('a'), chat('z')];
  expect(told(before, [before[0]!, chat('m'), before[1]!])).toEqual(['put conversation m after "a"']);
});

test('the order of what is there is never sent: it would be an absolute list', () => {
  const before = [chat('a'), chat('b')];
  expect(told(before, [before[1]!, before[0]!])).toEqual([]);
});

test('incognito conversations are neither sent nor deleted', () => {
  const secret = { ...chat('s', '1'), _isIncognito: true };
  expect(told([], [secret])).toEqual([]);
  expect(told([secret], [])).toEqual([]);
});

test('a conversation that went is deleted by name', () => {
  const before = [chat('a'), chat('b')];
  expect(told(before, [before[1]!])).toEqual(['delete conversation a']);
});

test('a message that was changed in place and then copied is still seen as changed', () => {
  const before = [chat('a', '1')];
  const old = before[0]!.messages[0]!;
  old['purposeId'] = 'Developer';
  expect(told(before, [{ ...before[0]!, messages: [{ ...old }] }])).toEqual(['put message a/1']);
});
