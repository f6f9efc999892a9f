"""One of Python's servers on a port of 127.0.0.1. Each request that it understood is a line of JSON on stdout, and its answer."""
import asyncio, base64, json, sys
from urllib.parse import unquote_to_bytes

SERVER, PORT = sys.argv[1], int(sys.argv[2])
# With key.pem and cert.pem, where it is to speak TLS.
FOLDER = sys.argv[3] if len(sys.argv) > 3 else None


def say(method, target, header, body, decoded=False):
    told = {'method': method, 'path' if decoded else 'target': target, 'host': header('Host'), 'case': header('X-Case')}
    told['credential'] = header('Authorization') is not None
    if body is not None:
        told['body'] = base64.b64encode(body).decode()
    line = json.dumps(told)
    sys.stdout.write(line + '\n')
    sys.stdout.flush()
    return line.encode()


def wsgi(environ, start_response):
    path = environ['PATH_INFO']
    raw = environ.get('RAW_URI') or environ.get('REQUEST_URI')
    body = None if path.startswith('/ignore') else environ['wsgi.input'].read()
    said = say(environ['REQUEST_METHOD'], raw or path, lambda name: environ.get('HTTP_' + name.upper().replace('-', '_')), body, raw is None)
    start_response('200 OK', [('Content-Type', 'application/json'), ('Content-Length', str(len(said)))])
    return [said]


async def asgi(scope, receive, send):
    if scope['type'] == 'lifespan':
        while True:
            message = await receive()
            await send({'type': message['type'] + '.complete'})
            if message['type'] == 'lifespan.shutdown':
                return
    headers = {name: value.decode('latin-1') for name, value in scope['headers']}
    raw = scope.get('raw_path')
    target = raw.decode('latin-1') if raw else scope['path']
    if raw and scope['query_string'] and '?' not in target:
        target += '?' + scope['query_string'].decode('latin-1')
    body = None
    if not scope['path'].startswith('/ignore'):
        body, more = b'', True
        while more:
            message = await receive()
            if message['type'] == 'http.disconnect':
                return
            body += message.get('body', b'')
            more = message.get('more_body', False)
    said = say(scope['method'], target, lambda name: headers.get(name.lower().encode()), body, not raw)
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', str(len(said)).encode())]})
    await send({'type': 'http.response.body', 'body': said})


def http_server():
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def answer(self):
            body = None
            if not self.path.startswith('/ignore'):
                body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
            said = say(self.command, self.path, self.headers.get, body)
            self.send_response(200)
            self.send_header('Content-Length', str(len(said)))
            self.end_headers()
            if self.command != 'HEAD':
                self.wfile.write(said)

        def __getattr__(self, name):
            if name.startswith('do_'):
                return self.answer
            raise AttributeError(name)

        def log_message(self, *args):
            pass

    ThreadingHTTPServer(('127.0.0.1', PORT), Handler).serve_forever()


def gunicorn(worker):
    from gunicorn.app.base import BaseApplication

    class Application(BaseApplication):
        def load_config(self):
            for name, value in {'bind': f'127.0.0.1:{PORT}', 'worker_class': worker, 'keepalive': 60, 'loglevel': 'critical', 'threads': 4}.items():
                self.cfg.set(name, value)

        def load(self):
            return wsgi

    Application().run()


def uvicorn(implementation):
    import uvicorn as server
    server.run(asgi, host='127.0.0.1', port=PORT, http=implementation, log_level='critical', timeout_keep_alive=60, ws='none')


def hypercorn():
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    config = Config()
    config.bind = [f'127.0.0.1:{PORT}']
    config.loglevel = 'CRITICAL'
    if FOLDER:
        config.keyfile, config.certfile = f'{FOLDER}/key.pem', f'{FOLDER}/cert.pem'
    asyncio.run(serve(asgi, config))


def waitress():
    from waitress import serve
    serve(wsgi, host='127.0.0.1', port=PORT, _quiet=True)


def cheroot():
    from cheroot.wsgi import Server
    Server(('127.0.0.1', PORT), wsgi, timeout=60).start()


def tornado():
    from tornado import httpserver, ioloop

    def handle(request):
        said = say(request.method, request.uri, request.headers.get, request.body)
        from tornado.httputil import ResponseStartLine, HTTPHeaders
        request.connection.write_headers(ResponseStartLine('HTTP/1.1', 200, 'OK'), HTTPHeaders({'Content-Length': str(len(said))}))
        if request.method != 'HEAD':
            request.connection.write(said)
        request.connection.finish()

    httpserver.HTTPServer(handle).listen(PORT, '127.0.0.1')
    ioloop.IOLoop.current().start()


def aiohttp():
    from aiohttp import web

    async def handle(request):
        body = None if request.path.startswith('/ignore') else await request.read()
        return web.Response(body=say(request.method, request.raw_path, request.headers.get, body))

    async def main():
        runner = web.ServerRunner(web.Server(handle))
        await runner.setup()
        await web.TCPSite(runner, '127.0.0.1', PORT).start()
        await asyncio.Event().wait()

    asyncio.run(main())


def twisted():
    from twisted.internet import reactor
    from twisted.web import resource, server

    class Echo(resource.Resource):
        isLeaf = True

        def render(self, request):
            body = None if request.path.startswith(b'/ignore') else request.content.read()
            return say(request.method.decode('latin-1'), request.uri.decode('latin-1'), request.getHeader, body)

    site = server.Site(Echo())
    if FOLDER:
        from twisted.internet import ssl
        reactor.listenSSL(PORT, site, ssl.PrivateCertificate.loadPEM(open(f'{FOLDER}/both.pem').read()).options(), interface='127.0.0.1')
    else:
        reactor.listenTCP(PORT, site, interface='127.0.0.1')
    reactor.run(installSignalHandlers=False)


def granian():
    from pathlib import Path
    from granian import Granian
    from granian.constants import HTTPModes
    tls = {'ssl_key': Path(FOLDER, 'key.pem'), 'ssl_cert': Path(FOLDER, 'cert.pem')} if FOLDER else {}
    Granian('echo:asgi', port=PORT, interface='asgi', log_enabled=False, websockets=False, **tls).serve()


KINDS = {
    'http.server': http_server,
    'gunicorn sync': lambda: gunicorn('sync'),
    'gunicorn gthread': lambda: gunicorn('gthread'),
    'uvicorn h11': lambda: uvicorn('h11'),
    'uvicorn httptools': lambda: uvicorn('httptools'),
    'hypercorn': hypercorn,
    'waitress': waitress,
    'cheroot': cheroot,
    'tornado': tornado,
    'aiohttp': aiohttp,
    'twisted': twisted,
    'granian': granian,
}
# granian imports it anew in each worker.
if __name__ == '__main__':
    KINDS[SERVER]()
