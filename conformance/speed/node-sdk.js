// The official Node SDK with a handler that reads the type and the content of every event, and counts.
'use strict';

const { Console } = require('node:console');
const { createRequire } = require('node:module');
const readline = require('node:readline');

globalThis.console = new Console(process.stderr); // the SDK logs to standard output, where the counts go
const lark = createRequire(`${process.argv[2]}/`)('@larksuiteoapi/node-sdk');

let events = 0;
const eventDispatcher = new lark.EventDispatcher({}).register({
  'im.message.receive_v1': async (data) => {
    if (data.event_type === 'im.message.receive_v1' && data.message.content) events += 1;
  },
});
const app = { appId: 'cli_0123456789abcdef', appSecret: 'secret', domain: process.env.SPEED_URL };
new lark.WSClient(app).start({ eventDispatcher });

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', () => process.stdout.write(`${JSON.stringify({ events })}\n`));
lines.on('close', () => process.exit(0));
