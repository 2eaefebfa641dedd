#!/bin/sh
# Starts the store and stays until it is told to end, or the store ended. For a container, whose
# first process must not end: `medibloc store up` leaves the node running by itself.
set -eu

stop() {
    medibloc store down
    exit 0
}
trap stop TERM INT

medibloc store up "$@"
while medibloc store status > /dev/null; do
    sleep 30 &
    wait $!
done
echo "The store does not answer any more." >&2
exit 5
