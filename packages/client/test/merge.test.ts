import { expect, test } from 'vitest';

import { mergeConversation, mergeJson, mergeMessage } from '../src/merge.js';

let made = 0;
const newId = () => `new${++made}`;
const message = (id: string, text: string, more: object = {}) => ({ id, fragments: [{ text }], ...more });

test('changes of different members are both kept', () => {
  const merged = mergeJson({ a: 1, b: 1, c: 1 }, { a: 2, b: 1 }, { a: 1, b: 2, c: 1, d: 4 });
  expect(merged).toEqual({ value: { a: 2, b: 2, d: 4 }, conflicts: [] });
});

test('where both sides changed one value, ours wins and its path is told', () => {
  const merged = mergeJson({ deep: { a: 1 } }, { deep: { a: 2 } }, { deep: { a: 3 } });
  expect(merged).toEqual({ value: { deep: { a: 2 } }, conflicts: ['deep.a'] });
});

test('a change wins over a removal', () => {
  expect(mergeJson({ a: 1 }, {}, { a: 2 })).toEqual({ value: { a: 2 }, conflicts: ['a'] });
  expect(mergeJson({ a: 1 }, { a: 2 }, {})).toEqual({ value: { a: 2 }, conflicts: ['a'] });
});

test('lists of things with ids are merged by id: both additions stay, both removals too', () => {
  const [a, b, c, x, y] = ['a', 'b', 'c', 'x', 'y'].map((id) => ({ id, n: 0 }));
  const merged = mergeJson([a, b, c], [a, x, c], [y, a, b]);
  expect(merged).toEqual({ value: [y, a, x], conflicts: [] });
});

test('an item that one side removed and the other changed stays', () => {
  const was = [{ id: 'a', n: 0 }];
  expect(mergeJson(was, [], [{ id: 'a', n: 1 }]).value).toEqual([{ id: 'a', n: 1 }]);
  expect(mergeJson(was, [{ id: 'a', n: 1 }], []).value).toEqual([{ id: 'a', n: 1 }]);
});

test('a member called __proto__ is data', () => {
  const ours = JSON.parse('{"__proto__":{"a":1}}') as object;
  const merged = mergeJson({}, ours, { b: 2 }).value;
  expect(JSON.stringify(merged)).toBe('{"__proto__":{"a":1},"b":2}');
});

test('a message that both sides rewrote keeps theirs under its id and ours beside it, marked', () => {
  const { value, sibling } = mergeMessage(
    message('m', 'was'),
    message('m', 'ours'),
    message('m', 'theirs'),
    newId,
  );
  expect(value).toEqual(message('m', 'theirs'));
  expect(sibling).toMatchObject({
    fragments: [{ text: 'ours' }],
    metadata: { holdfastConflict: { with: 'm' } },
  });
  expect(sibling?.id).not.toBe('m');
});

test('a star on one side and a new text on the other are one message', () => {
  const starred = message('m', 'was', { userFlags: ['starred'] });
  const merged = mergeMessage(message('m', 'was'), message('m', 'ours'), starred, newId);
  expect(merged).toEqual({ value: message('m', 'ours', { userFlags: ['starred'] }) });
});

test('two sides that added messages to one conversation have all of them, each after the one it followed', () => {
  const base = { id: 'c', messages: [message('1', 'one')], title: 't' };
  const ours = { ...base, messages: [...base.messages, message('2', 'ours')] };
  const theirs = { ...base, messages: [...base.messages, message('3', 'theirs')], title: 'T' };
  const { value, conflicts } = mergeConversation(base, ours, theirs, newId);
  expect(value.messages.map((m) => m.id).sort()).toEqual(['1', '2', '3']);
  expect(value['title']).toBe('T');
  expect(conflicts).toEqual([]);
});

test('without a base, messages that differ are both kept', () => {
  const ours = { id: 'c', messages: [{ ...message('1', 'ours'), role: 'user' }] };
  const theirs = { id: 'c', messages: [{ ...message('1', 'theirs'), role: 'user' }] };
  const { value, conflicts } = mergeConversation(null, ours, theirs, newId);
  expect(value.messages.map((m) => (m['fragments'] as { text: string }[])[0]?.text)).toEqual([
    'theirs',
    'ours',
  ]);
  expect(conflicts).toEqual(['messages.1']);
});
