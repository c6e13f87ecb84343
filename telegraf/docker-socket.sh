#!/bin/sh
# Hands the host's Docker socket on to whoever has /run/docker mounted, and to Telegraf its input for Docker.
set -eu
host=/host/docker.sock handed=/run/docker

answers() {
  [ -S "$host" ] && socat -u OPEN:/dev/null "UNIX-CONNECT:$host" 2>/dev/null
}

rm -rf "$handed/telegraf" "$handed/looked"
mkdir "$handed/telegraf"
if answers; then
  cp /etc/telegraf/docker.conf "$handed/telegraf"
  echo "docker-socket: ready"
else
  echo "docker-socket: no Docker Engine listens on the socket that was mounted: no container is measured, and no scenario" \
    "can run; name the right one in DOCKER_SOCK (default /var/run/docker.sock), then:" \
    "docker compose up -d --force-recreate docker-socket telegraf" >&2
fi
touch "$handed/looked"
exec socat "UNIX-LISTEN:$handed/docker.sock,fork,mode=0666,unlink-early" "UNIX-CONNECT:$host"
