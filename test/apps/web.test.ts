import { assertRides, createBoth, install, serve, serverRuns } from './harness.js';

describe('servers', () => {
  it('nginx, Node.js, asyncio, Java and hundreds of threads: each connection, byte for byte', async () => {
    const address = await createBoth();
    const sums =
      await serverRuns(`mkdir -p /srv/www; cd /srv/www; head -c 20000 /dev/urandom > small; head -c 60000000 /dev/urandom > big
      cat > /srv/nginx.conf <<'CONF'
user www-data; worker_processes 2; pid /run/nginx.pid; error_log /var/log/nginx-error.log;
events {}
http { access_log off; keepalive_requests 1000000; keepalive_timeout 300;
  server { listen 80; root /srv/www; } }
CONF
      sha256sum small big | cut -d' ' -f1`);
    const [small = '', big = ''] = sums.trim().split('\n');
    await serve('nginx', "nginx -c /srv/nginx.conf -g 'daemon off;'", 'nc -z 127.0.0.1 80');
    await install('websocket-server.cjs');
    await serve('websocket', 'node /srv/websocket-server.cjs', 'nc -z 127.0.0.1 8002');
    await install('asyncio-server.py');
    await serve('asyncio', 'python3 /srv/asyncio-server.py', 'nc -z 127.0.0.1 8001');
    const java = 'java -m jdk.httpserver --bind-address 0.0.0.0 --port 8000 --directory /srv/www';
    await serve('java', java, 'nc -z 127.0.0.1 8000');
    await install('threads-server.py');
    await serve('threads', 'python3 /srv/threads-server.py', 'nc -z 127.0.0.1 8003');
    await assertRides(
      address,
      ['http-clients.py', '80', 'small', small, 'big', big],
      ['websocket-clients.py'],
      ['asyncio-clients.py'],
      ['http-clients.py', '8000', 'small', small],
      ['threads-clients.py'],
    );
  });
});
