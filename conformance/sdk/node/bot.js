// A bot on the official Node SDK: answers every message, and every click with a toast.
'use strict';

const lark = require('@larksuiteoapi/node-sdk');

const app = {
  appId: process.env.LARK_APP_ID,
  appSecret: process.env.LARK_APP_SECRET,
  domain: process.env.LARK_DOMAIN,
};
const api = new lark.Client(app);

const eventDispatcher = new lark.EventDispatcher({}).register({
  'im.message.receive_v1': async (data) => {
    const { text } = JSON.parse(data.message.content);
    console.log(JSON.stringify({ event_id: data.event_id, text }));
    await api.im.message.reply({
      path: { message_id: data.message.message_id },
      data: { msg_type: 'text', content: JSON.stringify({ text: 'seen' }) },
    });
  },
  'card.action.trigger': async () => ({ toast: { type: 'info', content: '好的' } }),
});

new lark.WSClient(app).start({ eventDispatcher });
