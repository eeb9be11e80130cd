"""OpenStack Swift with its S3 API in one process, for tests: proxy, account, container and object server of Debian's python3-swift.

swift-server.py FOLDER PORT KEY SECRET: everything in FOLDER, on loopback, PORT 0 for any. Writes FOLDER/port once it listens.
Swift's own programs are the same servers in four processes, configured in /etc; these are configured in FOLDER.
"""
import array
import errno
import json
import os
import sys

import eventlet
from eventlet import wsgi
from swift.common import utils

folder, port, key, secret = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
os.chdir(folder)
os.makedirs('devices/d1', exist_ok=True)

DEFAULT = f"""[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
disable_fallocate = true
log_level = WARNING
log_address = {folder}/none
"""
PROXY = """[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck listing_formats s3api tempauth copy slo dlo versioned_writes proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:s3api]
use = egg:swift#s3api
location = {location}
[filter:tempauth]
use = egg:swift#tempauth
user_{user} = {secret} .admin
"""
for name in ('catch_errors', 'gatekeeper', 'healthcheck', 'listing_formats', 'copy', 'slo', 'dlo', 'versioned_writes'):
    PROXY += f'[filter:{name}]\nuse = egg:swift#{name}\n'


def write(name, text):
    with open(name, 'w', encoding='utf-8') as file:
        file.write(text)


write('swift.conf', '[swift-hash]\nswift_hash_path_suffix = test\n')
utils.set_swift_dir(folder)
utils.eventlet_monkey_patch()
utils.get_logger.console_handler4logger = {}  # logs go to the standard error as well

from swift.common.ring import RingData  # noqa: E402 (reads swift.conf)
from swift.common.wsgi import SwiftHttpProtocol, loadapp  # noqa: E402
from swift.obj import diskfile  # noqa: E402


class MemoryAttributes:
    """Swift keeps an object's metadata in extended attributes, which not every file system has. Nothing here outlives the process."""

    kept = {}

    @staticmethod
    def _file(file):
        found = os.stat(file if isinstance(file, (int, str, bytes)) else file.fileno())
        return found.st_dev, found.st_ino

    @classmethod
    def setxattr(cls, file, name, value):
        if name == diskfile.METADATA_KEY:
            cls.kept[cls._file(file)] = {}  # a new file may have a deleted one's number
        cls.kept.setdefault(cls._file(file), {})[name] = value

    @classmethod
    def getxattr(cls, file, name):
        try:
            return cls.kept[cls._file(file)][name]
        except KeyError:
            raise OSError(errno.ENODATA, 'no such attribute') from None


diskfile.xattr = MemoryAttributes
diskfile.fsync = diskfile.fsync_dir = lambda *_: None  # nothing is kept beyond a crash


def ring(name, backend_port):
    device = {'id': 0, 'zone': 1, 'region': 1, 'weight': 1.0, 'device': 'd1', 'ip': '127.0.0.1', 'port': backend_port,
              'replication_ip': '127.0.0.1', 'replication_port': backend_port}
    RingData([array.array('H', [0] * 4)], [device], 30).save(f'{name}.ring.gz')


class Cache:
    """In memcached's place: accounts and containers looked up once. Swift forgets what it changes; the rest does not age here."""

    def __init__(self):
        self.kept = {}

    def get(self, name, **_):
        return json.loads(self.kept.get(name, 'null'))

    def set(self, name, value, **_):
        self.kept[name] = json.dumps(value)

    def delete(self, name, **_):
        self.kept.pop(name, None)


def proxy(location):
    write(f'proxy-{location}.conf', DEFAULT + PROXY.format(location=location, user=key.replace(':', '_'), secret=secret))
    return loadapp(f'{folder}/proxy-{location}.conf')


def any_region():
    """Swift takes signatures for one region; other stores take any, and clients of "auto" make buckets in us-east-1."""
    auto, east, cache = proxy('auto'), proxy('us-east-1'), Cache()

    def app(env, start):
        env['swift.cache'] = cache
        return (east if '/us-east-1/s3/' in env.get('HTTP_AUTHORIZATION', '') else auto)(env, start)

    return app


def serve(socket, app):
    return eventlet.spawn(wsgi.server, socket, app, utils.NullLogger(), protocol=SwiftHttpProtocol, capitalize_response_headers=False, socket_timeout=60)


sockets = {}
for name in ('account', 'container', 'object'):
    sockets[name] = eventlet.listen(('127.0.0.1', 0), backlog=512)
    ring(name, sockets[name].getsockname()[1])
    write(f'{name}.conf', f'{DEFAULT}[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n')
front = eventlet.listen(('127.0.0.1', port), backlog=512)
servers = [serve(sockets[name], loadapp(f'{folder}/{name}.conf')) for name in sockets] + [serve(front, any_region())]
write('port.new', str(front.getsockname()[1]))
os.rename('port.new', 'port')
for server in servers:
    server.wait()
