/** The number stream as a service of the base image, so that both sides of the benchmark run the same processes. */
import { STREAM_PORT, STREAM_SERVER } from '../number-stream.js';

/**
 * A script for sh inside. Afterwards the service listens. Its directory appears whole: the image's init starts what it
 * finds, and looks every few seconds.
 */
export const INSTALL_NUMBERS = `set -e
new=/etc/service/.numbers
mkdir "$new"
cat >"$new/server.py" <<'PYTHON'
${STREAM_SERVER}
PYTHON
printf '#!/bin/sh\\nexec python3 /etc/service/numbers/server.py\\n' >"$new/run"
chmod 755 "$new/run"
mv "$new" /etc/service/numbers
for _ in $(seq 300); do
  nc -z 127.0.0.1 ${STREAM_PORT} && exit 0
  sleep 0.1
done
echo "nothing listens on port ${STREAM_PORT}" >&2
exit 1
`;
