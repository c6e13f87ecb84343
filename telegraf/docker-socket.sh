#!/bin/sh
# Hands the host's Docker socket on to whoever has /run/docker mounted.
set -eu
host=/host/docker.sock

answers() {
  [ -S "$host" ] && socat -u OPEN:/dev/null "UNIX-CONNECT:$host" 2>/dev/null
}

if ! answers; then
  echo "docker-socket: no Docker Engine listens on the socket that was mounted: no container is measured, and no scenario" \
    "can run; name the right one in DOCKER_SOCK (default /var/run/docker.sock), then: docker compose up -d" >&2
  until answers; do sleep 5; done
fi
echo "docker-socket: ready"
exec socat UNIX-LISTEN:/run/docker/docker.sock,fork,mode=0666,unlink-early "UNIX-CONNECT:$host"
