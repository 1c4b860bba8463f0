// A PNG made of noise, so that its size does not vanish in compression.
import { crc32, deflateSync } from 'node:zlib';
import { randomFillSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';

export async function writePicture(path: string, width = 320, height = 200): Promise<string> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8); // eight bits, RGB
  const rows = randomFillSync(Buffer.alloc((width * 3 + 1) * height));
  for (let row = 0; row < height; row++) rows[row * (width * 3 + 1)] = 0;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const chunks = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))];
  await writeFile(path, Buffer.concat([signature, ...chunks]));
  return path;
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), data]);
  const around = Buffer.alloc(8);
  around.writeUInt32BE(data.length, 0);
  around.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([around.subarray(0, 4), named, around.subarray(4)]);
}
