// Stands between the browser and Holdfast, to refuse requests and to count what is sent.
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface Sent {
  method: string;
  path: string;
  headerBytes: number;
  bodyBytes: number;
  answerBytes: number;
}

export class Front {
  readonly sent: Sent[] = [];
  /** Requests for which this says true find nobody there. */
  refuses: (path: string) => boolean = () => false;

  private constructor(
    readonly url: string,
    readonly stop: () => Promise<void>,
  ) {}

  static async before(target: string): Promise<Front> {
    const server = createServer((incoming, outgoing) => front.pass(target, incoming, outgoing));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const front: Front = new Front(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    return front;
  }

  /** The server is away, but the app's own page and the bridge's script still come. */
  refuseApi(): void {
    this.refuses = (path) => path.startsWith('/_holdfast/') && !path.split('?')[0]!.endsWith('.js');
  }

  allowAll(): void {
    this.refuses = () => false;
  }

  private pass(target: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const path = incoming.url ?? '/';
    if (this.refuses(path)) return void incoming.socket.destroy();
    const lines = [`${incoming.method} ${path} HTTP/1.1`, ...pairs(incoming.rawHeaders), '', ''];
    const sent: Sent = {
      method: incoming.method ?? 'GET',
      path,
      headerBytes: Buffer.byteLength(lines.join('\r\n')),
      bodyBytes: 0,
      answerBytes: 0,
    };
    this.sent.push(sent);
    const { protocol, hostname, port } = new URL(target);
    const onward = request({
      protocol,
      hostname,
      port,
      path,
      method: incoming.method,
      headers: incoming.rawHeaders,
    });
    onward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.on('data', (chunk: Buffer) => (sent.answerBytes += chunk.length));
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.on('data', (chunk: Buffer) => (sent.bodyBytes += chunk.length));
    incoming.pipe(onward);
  }
}

function pairs(raw: string[]): string[] {
  return raw.flatMap((name, index) => (index % 2 ? [] : [`${name}: ${raw[index + 1]}`]));
}
