# Talks to the Docker engine at DOCKER_HOST by its HTTP interface, so that no Docker client of a matching version is needed.
# Sourced by other scripts; needs curl.
# shellcheck shell=bash

# engine METHOD PATH [CURL-ARGUMENT…]: prints the answer. Fails if the connection is refused or the status is 400 or above.
engine() {
  local method=$1 path=$2 host=${DOCKER_HOST:-unix:///var/run/docker.sock}
  shift 2
  local where=(--noproxy '*')
  case $host in
    unix://*) where+=(--unix-socket "${host#unix://}" "http://docker$path") ;;
    tcp://*) where+=("http://${host#tcp://}$path") ;;
    *) echo "DOCKER_HOST: must be unix:///path or tcp://host:port, was $host" >&2 && return 2 ;;
  esac
  curl --silent --show-error --fail-with-body --max-time 600 --request "$method" "$@" "${where[@]}"
}

engine_answers() { engine GET /_ping --max-time 5 >/dev/null 2>&1; }

# engine_import NAME:TAG < TAR: makes an image, without a command, from a tar archive of a root file system.
engine_import() {
  local answer
  # The engine answers 200 before it has read the archive, and reports a failure in the body.
  if ! answer=$(engine POST "/images/create?fromSrc=-&repo=${1%:*}&tag=${1##*:}" --upload-file - \
    --header 'Content-Type: application/x-tar') || grep -q '"error"' <<<"$answer"; then
    echo "could not import the image $1: $answer" >&2
    return 1
  fi
}

# engine_remove_image NAME: removes an image. It is not an error if there is none.
engine_remove_image() { engine DELETE "/images/$1?force=true" >/dev/null 2>&1 || true; }
