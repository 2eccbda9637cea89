// The official Node SDK behind the shim protocol: its long connection, event dispatcher and API client.
'use strict';

const { Console } = require('node:console');
const { createRequire } = require('node:module');
const readline = require('node:readline');

globalThis.console = new Console(process.stderr); // the SDK logs to standard output, which belongs to the protocol
const installed = createRequire(`${process.argv[2]}/`);
const say = (is, line) => process.stdout.write(`${JSON.stringify({ is, ...line })}\n`);
const leave = (code) => process.stdout.write('', () => process.exit(code));

function unimplemented(what) {
  say('unimplemented', { what });
  leave(89);
}

const mode = { events: 'take', callback_answer: {}, callback_after_ms: 0 };
let waiting = [];
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(is) {
  while (!is()) await new Promise((done) => waiting.push(done));
}

function handle(line) {
  Object.assign(mode, line);
  for (const done of waiting.splice(0)) done();
}

function report(type, data) {
  const message = data.message || {};
  say('event', {
    event_type: type,
    event_id: data.event_id || data.uuid,
    message_id: message.message_id || data.open_message_id,
    chat_id: message.chat_id,
    chat_type: message.chat_type,
  });
}

const onEvent = (type) => async (data) => {
  report(type, data);
  await until(() => mode.events !== 'hold');
  if (mode.events === 'fail') throw new Error('the handler fails, as it was told');
};

const onCallback = (type) => async (data) => {
  const { callback_answer: answer, callback_after_ms: after } = mode; // as it is when the callback comes
  report(type, data);
  if (after) await sleep(after);
  if (answer === null) await until(() => mode.callback_answer !== null);
  return answer ?? mode.callback_answer;
};

const EVENTS = [
  'im.message.receive_v1', 'im.message.message_read_v1', 'im.message.recalled_v1',
  'im.message.reaction.created_v1', 'im.message.reaction.deleted_v1',
  'im.chat.member.bot.added_v1', 'im.chat.member.bot.deleted_v1', 'im.chat.member.user.added_v1',
  'im.chat.access_event.bot_p2p_chat_entered_v1',
  'application.bot.menu_v6', 'drive.notice.comment_add_v1',
  'message', 'app_open', // in envelopes of version 1
];
const CALLBACKS = ['card.action.trigger', 'url.preview.get'];

// It hands over the messages of everybody, and the platform's ReconnectCount is its limit.
const ALWAYS = { allow_bots: true, follow_reconnect_count: true };
const NOTHING = {
  mention_only: false, respond_to_mention_all: false, ack_reactions: 'off', follow_reconnect_count: false,
  retry_fatal: false,
};

function run(start) {
  for (const [name, value] of Object.entries(start.settings)) {
    if (name === 'pong_timeout_ms' || ALWAYS[name] === value || NOTHING[name] === value) continue;
    if (name === 'allowed_users' && value.includes('*')) continue;
    return unimplemented(`settings.${name}`);
  }
  const lark = installed('@larksuiteoapi/node-sdk');
  const app = { appId: start.app_id, appSecret: start.app_secret, domain: start.base_url };
  const api = new lark.Client(app);
  const pingTimeout = start.settings.pong_timeout_ms / 1000;
  const client = new lark.WSClient({
    ...app,
    onError: (error) => {
      say('ended', { how: 'fatal', text: error.message });
      leave(0);
    },
    ...(pingTimeout ? { wsConfig: { pingTimeout } } : {}),
  });
  const handlers = [
    ...EVENTS.map((type) => [type, onEvent(type)]),
    ...CALLBACKS.map((type) => [type, onCallback(type)]),
  ];
  const eventDispatcher = new lark.EventDispatcher({}).register(Object.fromEntries(handlers));
  const { version } = installed('@larksuiteoapi/node-sdk/package.json');
  say('ready', { conform: 1, client: '@larksuiteoapi/node-sdk', version });
  client.start({ eventDispatcher });
  return { api, client };
}

const content = ({ text, card }) =>
  ({ msg_type: card ? 'interactive' : 'text', content: JSON.stringify(card || { text }) });
const path = ({ message_id, reaction_id }) => ({ message_id, reaction_id });

const CALLS = {
  reply: ({ im }, c) => im.v1.message.reply({ path: path(c), data: { ...content(c), reply_in_thread: !!c.in_thread } }),
  send: ({ im }, { receive_id, receive_id_type = 'chat_id', ...c }) =>
    im.v1.message.create({ params: { receive_id_type }, data: { receive_id, ...content(c) } }),
  edit: ({ im }, c) => im.v1.message.update({ path: path(c), data: content(c) }),
  patch_card: ({ im }, c) => im.v1.message.patch({ path: path(c), data: { content: JSON.stringify(c.card) } }),
  update_card: (api, { token, card }) =>
    api.request({ method: 'POST', url: '/open-apis/interactive/v1/card/update', data: { token, card } }),
  recall: ({ im }, c) => im.v1.message.delete({ path: path(c) }),
  react: ({ im }, { emoji_type, ...c }) =>
    im.v1.messageReaction.create({ path: path(c), data: { reaction_type: { emoji_type } } }),
  unreact: ({ im }, c) => im.v1.messageReaction.delete({ path: path(c) }),
  bot_info: (api) => api.request({ method: 'GET', url: '/open-apis/bot/v3/info' }),
  chat_info: ({ im }, { chat_id }) => im.v1.chat.get({ path: { chat_id } }),
};

async function call(api, line) {
  if (!CALLS[line.call]) return unimplemented(`call.${line.call}`);
  const answer = await CALLS[line.call](api, line).catch((error) => error.response?.data || { msg: String(error) });
  const { message_id, reaction_id } = answer.data || {};
  const ok = answer.code === 0;
  if (ok) say('result', { id: line.id, ok, message_id, reaction_id, open_id: answer.bot?.open_id });
  else say('result', { id: line.id, ok, code: answer.code, text: answer.msg });
}

let bot;
const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (text) => {
  const line = JSON.parse(text);
  if (line.do === 'start') bot = run(line);
  else if (line.do === 'handle') handle(line);
  else if (line.do === 'call') call(bot.api, line);
  else if (line.do === 'stop') {
    bot.client.close();
    say('ended', { how: 'stopped' });
    lines.removeAllListeners('close');
    process.stdin.destroy(); // it ends when the SDK has let go of everything, a request without answer aside
    setTimeout(() => process.exit(0), 1000).unref();
  }
});
lines.on('close', () => leave(0));
