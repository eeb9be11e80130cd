// How Node runs us. Imported first by main.ts, before anything starts libuv's threads.
import { setFlagsFromString } from 'node:v8';

// Each fdatasync keeps one of libuv's threads waiting for the disk, which takes many at once for about the price of one: with libuv's
// own four, recordings would wait for each other (measured: bench/README.md).
process.env['UV_THREADPOOL_SIZE'] ??= '16';

// V8 marks its whole heap again once that, and the buffers outside it, have grown by a share of what lives, and picks a small share for a
// process that often rests. Our buffers come and go by the megabyte: it did so several times a second while clips were cut, and each time
// forgot compiled functions, which were compiled again (bench/README.md, what the collector does).
setFlagsFromString('--heap-growing-percent=100');
