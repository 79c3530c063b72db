// Answers each message with the number of messages that this connection has had, and pings every second.
const { WebSocketServer } = require('/usr/share/nodejs/ws');
const server = new WebSocketServer({ port: 8002 });
server.on('connection', (socket) => {
  let count = 0;
  const timer = setInterval(() => socket.ping(), 1000);
  socket.on('message', (data) => socket.send(`${++count} ${data}`));
  socket.on('close', () => clearInterval(timer));
});
