import { streamAnswer } from './answer';
import { startSides } from './sides';
const sides = await startSides(2000, 'release');
for (let i = 0; i < 2; i++)
  console.log(await streamAnswer(sides.proxied, { tokens: 500, conversations: 2000 } as never, sides.front));
await sides.stop();
process.exit(0);
