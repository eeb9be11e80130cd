#!/bin/sh
# An FFmpeg that says its pid and then neither reads, writes nor ends.
echo $$
while :; do sleep 1; done
