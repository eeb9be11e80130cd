// Imported first by main.ts, before anything starts libuv's threads. Each fdatasync keeps one of them waiting for the disk, which takes
// many at once for about the price of one: with libuv's own four, recordings would wait for each other (measured: bench/README.md).
process.env['UV_THREADPOOL_SIZE'] ??= '16';
