import { assertRides, createBoth, install, serve, serverRuns } from './harness.js';

describe('servers', () => {
  it('nginx: connections that are kept, and a slow download, byte for byte', async () => {
    const address = await createBoth();
    const sums =
      await serverRuns(`mkdir -p /srv/www; cd /srv/www; head -c 20000 /dev/urandom > small; head -c 120000000 /dev/urandom > big
      cat > /srv/nginx.conf <<'CONF'
user www-data; worker_processes 2; pid /run/nginx.pid; error_log /var/log/nginx-error.log;
events {}
http { access_log off; keepalive_requests 1000000; keepalive_timeout 300;
  server { listen 80; root /srv/www; location /big { limit_rate 2m; } } }
CONF
      sha256sum small big | cut -d' ' -f1`);
    const [small = '', big = ''] = sums.trim().split('\n');
    await serve('nginx', "nginx -c /srv/nginx.conf -g 'daemon off;'", 'nc -z 127.0.0.1 80');
    await assertRides('http-clients.py', address, '80', 'small', 'big', small, big);
  });

  it('websockets of Node.js', async () => {
    const address = await createBoth();
    await install('websocket-server.cjs');
    await serve('websocket', 'node /srv/websocket-server.cjs', 'nc -z 127.0.0.1 8002');
    await assertRides('websocket-clients.py', address);
  });

  it('asyncio of Python: fifty connections, each with a stream of numbers and an echo', async () => {
    const address = await createBoth();
    await install('asyncio-server.py');
    await serve('asyncio', 'python3 /srv/asyncio-server.py', 'nc -z 127.0.0.1 8001');
    await assertRides('asyncio-clients.py', address);
  });

  it('a Java machine that serves files', async () => {
    const address = await createBoth();
    await serverRuns('mkdir -p /srv/www; head -c 20000 /dev/urandom > /srv/www/small');
    await serve(
      'java',
      'java -m jdk.httpserver --bind-address 0.0.0.0 --port 8000 --directory /srv/www',
      'nc -z 127.0.0.1 8000',
    );
    await assertRides('http-clients.py', address, '8000', 'small');
  });

  it('three hundred threads', async () => {
    const address = await createBoth();
    await install('threads-server.py');
    await serve('threads', 'python3 /srv/threads-server.py', 'nc -z 127.0.0.1 8003');
    await assertRides('threads-clients.py', address);
  });
});
