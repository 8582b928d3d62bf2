#!/usr/bin/env bash
# Prints a user's events, each as JSON on a line of its own; after a break it goes on where it was.
# SAMBAND_ENDPOINT and SAMBAND_TOKEN say where and as whom; needs curl.
position=

headers() { # read from a file, so that the token is in no list of processes
    printf 'Authorization: Bearer %s\n' "$SAMBAND_TOKEN"
    [ -z "$position" ] || printf 'Last-Event-ID: %s\n' "$position"
}

while :; do
    id= data=
    # The server says something every 15 s: longer silence is a dead connection.
    while IFS= read -r -t 30 line; do
        case $line in
        HTTP/*\ 410*) position= ;; # Away for too long: list the messages anew here.
        HTTP/*\ 4*) cat >&2 && exit 1 ;;
        'id: '*) id=${line#id: } ;;
        'data: '*) data=${line#data: } ;;
        '') # Ends the event. One that a break cuts short is sent again.
            [ -z "$data" ] || printf '%s\n' "$data"
            position=${id:-$position} id= data=
            ;;
        esac
    done < <(exec curl -sSNi -H @<(headers) "$SAMBAND_ENDPOINT/_samband/v1/events")
    kill $! 2>/dev/null # curl, where it still waits
    sleep 1
done
