"""One of Python's servers on a port of 127.0.0.1, which answers MARKER for all below /private and `public` for the rest."""
import asyncio, os, sys

SERVER, PORT, ROOT = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def body_for(path):
    return b'MARKER' if path.strip('/').split('/')[0] == 'private' else b'public'


def wsgi(environ, start_response):
    body = body_for(environ['PATH_INFO'])
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    if scope['type'] == 'lifespan':
        while True:
            message = await receive()
            await send({'type': message['type'] + '.complete'})
    body = body_for(scope['path'])
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', str(len(body)).encode())]})
    await send({'type': 'http.response.body', 'body': body})


def http_server():
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    os.chdir(ROOT)
    SimpleHTTPRequestHandler.protocol_version = 'HTTP/1.1'
    SimpleHTTPRequestHandler.log_message = lambda *args: None
    ThreadingHTTPServer(('127.0.0.1', PORT), SimpleHTTPRequestHandler).serve_forever()


def gunicorn():
    from gunicorn.app.base import BaseApplication

    class Application(BaseApplication):
        def load_config(self):
            for name, value in {'bind': f'127.0.0.1:{PORT}', 'worker_class': 'gthread', 'keepalive': 60, 'loglevel': 'critical', 'threads': 4}.items():
                self.cfg.set(name, value)

        def load(self):
            return wsgi

    Application().run()


def uvicorn():
    import uvicorn as server
    server.run(asgi, host='127.0.0.1', port=PORT, log_level='critical', timeout_keep_alive=60, ws='none')


def waitress():
    from waitress import serve
    serve(wsgi, host='127.0.0.1', port=PORT, _quiet=True)


def cheroot():
    from cheroot.wsgi import PathInfoDispatcher, Server

    def private(environ, start_response):
        start_response('200 OK', [('Content-Length', '6')])
        return [b'MARKER']

    def public(environ, start_response):
        start_response('200 OK', [('Content-Length', '6')])
        return [b'public']

    Server(('127.0.0.1', PORT), PathInfoDispatcher([('/private', private), ('/', public)]), timeout=60).start()


def aiohttp():
    from aiohttp import web

    async def private(request):
        return web.Response(body=b'MARKER')

    async def public(request):
        return web.Response(body=b'public')

    app = web.Application(middlewares=[web.normalize_path_middleware(merge_slashes=True)])
    app.router.add_route('*', '/private/{rest:.*}', private)
    app.router.add_route('*', '/private', private)
    app.router.add_static('/files', ROOT)
    app.router.add_route('*', '/public/{rest:.*}', public)
    web.run_app(app, host='127.0.0.1', port=PORT, print=None, access_log=None)


def tornado():
    from tornado import ioloop, web

    class Private(web.RequestHandler):
        def get(self, *args):
            self.write('MARKER')

    application = web.Application([('/private(/.*)?', Private), ('/(.*)', web.StaticFileHandler, {'path': ROOT})])
    application.settings['log_function'] = lambda handler: None
    application.listen(PORT, '127.0.0.1')
    ioloop.IOLoop.current().start()


def twisted():
    from twisted.internet import reactor
    from twisted.web import server, static
    reactor.listenTCP(PORT, server.Site(static.File(ROOT)), interface='127.0.0.1')
    reactor.run(installSignalHandlers=False)


{
    'http.server': http_server,
    'gunicorn': gunicorn,
    'uvicorn': uvicorn,
    'waitress': waitress,
    'cheroot': cheroot,
    'aiohttp': aiohttp,
    'tornado': tornado,
    'twisted': twisted,
}[SERVER]()
