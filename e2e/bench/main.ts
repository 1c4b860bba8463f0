// Measures the app behind Holdfast beside the same app on plain IndexedDB, in one run, taking turns.
// Options: --quick, --results <directory>, --commit <id>, --build debug|release.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { streamAnswer, type Answer } from './answer';
import { bridgeSize } from './size';
import { boot, startSides, type Sides } from './sides';
import { kB, median, ms, table, times, type Row } from './table';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    results: { type: 'string' },
    commit: { type: 'string', default: 'unknown' },
    build: { type: 'string', default: 'release' },
  },
});

const conversations = options.quick ? 200 : 2000;
const tokens = options.quick ? 100 : 500;
const answer = { tokens, conversations };
const runs = options.quick ? 1 : 5;

async function measure(sides: Sides): Promise<Row[]> {
  const size = await bridgeSize(sides.front, sides.emptyProfile());

  const warm = { plain: [] as number[], proxied: [] as number[], empty: [] as number[] };
  await boot(sides.plain, conversations); // the first one compiles the app's code
  await boot(sides.proxied, conversations);
  for (let run = 0; run < runs; run++) {
    say(`boot ${run + 1} of ${runs}`);
    warm.plain.push(await boot(sides.plain, conversations));
    warm.proxied.push(await boot(sides.proxied, conversations));
    const profile = sides.emptyProfile();
    warm.empty.push(await boot({ ...sides.proxied, profile }, conversations));
    await profile.close();
  }

  const answers = { plain: [] as Answer[], proxied: [] as Answer[] };
  for (let run = 0; run < runs; run++) {
    say(`answer ${run + 1} of ${runs}`);
    answers.plain.push(await streamAnswer(sides.plain, answer));
    answers.proxied.push(await streamAnswer(sides.proxied, answer, sides.front));
  }
  return [...answerRows(answers), ...bootRows(warm), sizeRow(size)];
}

function answerRows({ plain, proxied }: { plain: Answer[]; proxied: Answer[] }): Row[] {
  const of = (answers: Answer[], figure: (answer: Answer) => number) => median(answers.map(figure));
  const work = `answer of ${tokens} tokens, ${conversations} conversations`;
  const sent = of(proxied, ({ bodies, changed }) => bodies / changed);
  const sentInAll = of(proxied, ({ total, changed }) => total / changed);
  const written = of(plain, ({ written }) => written);
  const changed = `messages changed ${kB(of(proxied, (answer) => answer.changed))} in ${of(proxied, ({ writes }) => writes)} writes`;
  const added = of(proxied, ({ bridge, writes }) => bridge / writes);
  const longTasks = ({ longTasks }: Answer) => longTasks;
  const longer = of(proxied, ({ addedLongTasks }) => addedLongTasks);
  return [
    {
      work: `${work}: bodies sent`,
      holdfast: kB(of(proxied, ({ bodies }) => bodies)),
      limit: changed,
      figure: times(sent),
      asked: '< 2 times',
      pass: sent < 2,
    },
    {
      work: `${work}: with headers`,
      holdfast: kB(of(proxied, ({ total }) => total)),
      limit: changed,
      figure: times(sentInAll),
    },
    {
      work: `${work}: written to IndexedDB`,
      holdfast: kB(of(proxied, (answer) => answer.written)),
      limit: kB(written),
      figure: times(of(proxied, (answer) => answer.written) / written),
    },
    {
      work: `${work}: main thread per write`,
      holdfast: `${ms(added)} more`,
      limit: '',
      figure: ms(added),
      asked: '< 5 ms',
      pass: added < 5,
    },
    {
      work: `${work}: tasks over 50 ms`,
      holdfast: String(of(proxied, longTasks)),
      limit: String(of(plain, longTasks)),
      figure: `${longer} by the bridge`,
      asked: 'none',
      pass: longer === 0,
    },
  ];
}

function bootRows(warm: { plain: number[]; proxied: number[]; empty: number[] }): Row[] {
  const [plain, proxied, empty] = [median(warm.plain), median(warm.proxied), median(warm.empty)];
  const work = `${conversations} conversations: start to hydrated`;
  return [
    {
      work: `${work}, again`,
      holdfast: ms(proxied),
      limit: ms(plain),
      figure: times(proxied / plain),
      asked: '≤ 1.2 times',
      pass: proxied / plain <= 1.2,
    },
    {
      work: `${work}, in a fresh browser`,
      holdfast: ms(empty),
      limit: `${ms(plain)} again`,
      figure: times(empty / plain),
      asked: '≤ 3.5 times',
      pass: empty / plain <= 3.5,
    },
  ];
}

function sizeRow({ scripts, bytes }: { scripts: string[]; bytes: number }): Row {
  const names = scripts.map((script) => script.split('/').pop()).join(', ');
  return {
    work: `the bridge, gzip (${names})`,
    holdfast: kB(bytes),
    limit: '',
    figure: kB(bytes),
    asked: '< 25 kB',
    pass: bytes < 25_000,
  };
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}

const sides = await startSides(conversations, options.build as 'debug' | 'release');
const rows = await measure(sides).finally(sides.stop);
const text = table(rows, [
  `commit: ${options.commit}`,
  `runs: ${runs === 1 ? 'one' : `median of ${runs}`}, taking turns; ${options.build} build`,
]);
console.log(text);
if (options.results && !options.quick) {
  const name = `${new Date().toISOString().slice(0, 10)}-${options.commit}-browser.md`;
  await writeFile(join(options.results, name), text);
}
process.exitCode = rows.some(({ pass }) => pass === false) ? 1 : 0;
